import GuestMemory

/// A host program's end of a connection. Nothing here waits. It is Sendable because a vCPU's thread may be the one that
/// lets go of it; all else is done by whoever has the device locked.
public protocol VsockStream: AnyObject, Sendable {
    /// Receives bytes from the program.
    func receive(into vectors: GuestVectors) -> VsockTransfer
    /// Sends bytes to the program.
    func send(_ vectors: GuestVectors) -> VsockTransfer
    func send(_ bytes: RawSpan) -> VsockTransfer
    /// Tells the program that no more is received from it, or sent to it.
    func shutDown(receiving: Bool, sending: Bool)
    /// Whether the program has closed its end altogether.
    var isHungUp: Bool { get }
}

/// What became of bytes that were to be received or sent.
public enum VsockTransfer: Sendable, Equatable {
    /// Some of them, at least one.
    case bytes(Int)
    /// None now; whoever watches the stream will say when it is worth trying again.
    case wouldBlock
    /// The program sends, or receives, no more.
    case ended
    /// The connection is broken.
    case broken
    /// Guest memory that is not accessible.
    case badMemory
}
