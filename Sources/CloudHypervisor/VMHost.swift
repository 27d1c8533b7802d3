/// What the API needs of the world around it.
public protocol VMHost {
    associatedtype Machine: VMMachine

    /// The number of the server's process.
    var process: Int32 { get }
    /// The server's own version.
    var version: String { get }

    /// The number that the first descriptor has in a machine which a client passed to it; the others follow it.
    var firstPassedNumber: Int32 { get }

    /// Starts a machine and waits until it answers.
    ///
    /// - Throws: `APIError` with what `swiftlet run` says.
    func start(_ start: VMStart) throws(APIError) -> Machine

    /// Why a file can't be read; nil where it can.
    func problem(with file: String) -> String?

    /// Writes a line to the log.
    func log(_ text: String)
}
