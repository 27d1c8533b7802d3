import AgentProtocol
import Host
import SystemPackage

/// A connection between an agent and a client, for whoever does one thing after the other: its calls wait.
public final class AgentChannel {
    private let owned: OwnedFileDescriptor
    private var parser: FrameParser
    /// Called again and again while something is waited for; what it throws ends the wait.
    public var onWait: (() throws -> Void)?

    /// Milliseconds between two calls of it, where nothing comes.
    private static let interval: UInt64 = 200

    /// - Parameters:
    ///   - owned: a socket whose reads and writes wait.
    ///   - parser: with what has been read already.
    public init(_ owned: consuming OwnedFileDescriptor, parser: FrameParser = FrameParser()) {
        self.owned = owned
        self.parser = parser
    }

    /// The socket, to wait for; it stays the channel's.
    public var descriptor: FileDescriptor { owned.descriptor }

    /// - Throws: `SystemCallError` (EPIPE where the other end is gone).
    public func send(_ frame: Frame) throws(SystemCallError) {
        try owned.descriptor.write(all: frame.bytes[...])
    }

    /// Waits for a frame; nil where the other end has closed the connection.
    ///
    /// - Throws: `ProtocolError`, `SystemCallError`, and what `onWait` throws.
    public func receive() throws -> Frame? {
        while true {
            if let frame = try parser.next() { return frame }
            if let onWait {
                repeat {
                    try onWait()
                } while !ByteStream.waitUntilReadable(
                    owned.descriptor, milliseconds: Self.interval)
            }
            switch try ByteStream.read(owned.descriptor, limit: AgentProtocol.maximumData) {
            case .bytes(let bytes): parser.append(bytes)
            case .end: return nil
            case .wouldBlock: continue
            }
        }
    }

    /// Whether the other end has sent something, or is gone.
    public var hasInput: Bool {
        parser.waitingCount > 0 || ByteStream.waitUntilReadable(owned.descriptor, milliseconds: 0)
    }

    /// Sends nothing more, and waits until the other end has taken all and closed the connection: closed here, it would be
    /// reset where something still comes in, and what a slow reader has not taken yet would be lost.
    public func finish() {
        owned.descriptor.shutDown(receiving: false, sending: true)
        while case .bytes? = try? ByteStream.read(owned.descriptor, limit: AgentProtocol.maximumData) {}
    }
}
