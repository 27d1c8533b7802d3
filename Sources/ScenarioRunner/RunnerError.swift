/// Why a case can't be run here: nothing that the guest or the machine did.
public struct RunnerError: Error, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}
