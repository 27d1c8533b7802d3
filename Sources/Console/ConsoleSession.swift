/// What standard input and output are for besides a guest's console, such as the monitor.
public protocol ConsoleSession: AnyObject {
    /// Greets, where there is nothing else.
    func begin()
    /// Shows that it has the terminal now.
    func prompt()
    /// Takes what a person types.
    func receive(_ bytes: [UInt8])
}
