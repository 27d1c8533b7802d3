/// What the API needs of the world around it.
public protocol VMHost {
    associatedtype Machine: VMMachine

    /// The number of the server's process.
    var process: Int32 { get }
    /// The server's own version.
    var version: String { get }

    /// Starts a machine and waits until it answers.
    ///
    /// - Parameters:
    ///   - arguments: options of `swiftlet run`.
    ///   - usesTerminal: whether the guest's serial port is on the server's standard input and output.
    ///   - makesTerminal: whether it is on a pseudo-terminal, whose path is to be found out.
    /// - Throws: `APIError` with what `swiftlet run` says.
    func start(_ arguments: [String], usesTerminal: Bool, makesTerminal: Bool) throws(APIError) -> Machine

    /// Why a file can't be read; nil where it can.
    func problem(with file: String) -> String?

    /// Writes a line to the log.
    func log(_ text: String)
}
