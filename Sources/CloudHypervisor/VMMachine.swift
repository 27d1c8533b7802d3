import JSON

/// A machine that was started.
public protocol VMMachine: AnyObject {
    /// The paths of the pseudo-terminals that it has, by the options that ask for them: `serial` and `console`.
    var terminals: [String: String] { get }

    /// Has it do a command of QMP.
    ///
    /// - Returns: the result; nil where the machine has ended.
    /// - Throws: `APIError` with what it says, or that it does not answer.
    func execute(_ command: String, _ arguments: [JSONValue.Member]) throws(APIError) -> JSONValue?

    /// To be called when a request is answered: nothing more will be asked for a while.
    func rest()

    /// Ends it and waits for that.
    func end()
}
