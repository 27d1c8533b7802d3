import Devices
import GuestMemory
import Host
import SystemPackage

/// A connected Unix socket as a socket device uses it.
final class VsockSocket: VsockStream {
    private let owned: OwnedFileDescriptor

    /// - Parameter descriptor: a connected stream socket.
    init(_ descriptor: consuming OwnedFileDescriptor) {
        owned = descriptor
    }

    /// Valid as long as this object lives.
    var descriptor: FileDescriptor { owned.descriptor }

    func receive(into vectors: GuestVectors) -> VsockTransfer {
        Self.transfer(vectors.receive(from: descriptor))
    }

    func send(_ vectors: GuestVectors) -> VsockTransfer {
        Self.transfer(vectors.send(to: descriptor))
    }

    func send(_ bytes: RawSpan) -> VsockTransfer {
        Self.transfer(descriptor.send(bytes))
    }

    func shutDown(receiving: Bool, sending: Bool) {
        descriptor.shutDown(receiving: receiving, sending: sending)
    }

    var isHungUp: Bool { ByteStream.isHungUp(descriptor) }

    /// What a system call's result means: how many bytes, or a negated errno.
    private static func transfer(_ result: Int) -> VsockTransfer {
        guard result <= 0 else { return .bytes(result) }
        return switch Errno(rawValue: CInt(-result)) {
        case .wouldBlock: .wouldBlock
        case Errno(rawValue: 0), .brokenPipe: .ended
        case .badAddress: .badMemory
        default: .broken
        }
    }
}
