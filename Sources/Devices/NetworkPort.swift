import GuestMemory
import Host
import SystemPackage

/// Where a network device's frames come from and go to, for one pair of its queues: each with a header of 12 bytes, as
/// drivers have it (`virtio_net_hdr_v1`; virtio specification, 5.1.6). None of it waits.
public protocol NetworkPort: AnyObject, Sendable {
    /// Takes a frame that has come.
    ///
    /// - Parameter overflow: gets what the pieces have no room for.
    /// - Returns: the bytes of header and frame, or a negated `errno`: EAGAIN where none has come.
    func receive(into pieces: GuestVectors, overflow: OverflowBuffer) -> Int

    /// Sends a frame.
    ///
    /// - Returns: a negated `errno` where that failed: EAGAIN where there is no room for it now.
    func send(_ frame: GuestVectors) -> Int

    /// Says what may come, by any of a device's ports.
    func setOffloads(_ offloads: Tap.Offloads)

    /// Throws away what has come so far.
    func discardFrames()
}

/// A queue of a tap.
public final class TapPort: NetworkPort {
    private let owned: OwnedFileDescriptor

    public var descriptor: FileDescriptor { owned.descriptor }

    public init(_ queue: consuming OwnedFileDescriptor) {
        owned = queue
    }

    public func receive(into pieces: GuestVectors, overflow: OverflowBuffer) -> Int {
        pieces.read(from: owned.descriptor, overflow: overflow)
    }

    public func send(_ frame: GuestVectors) -> Int {
        frame.write(to: owned.descriptor)
    }

    public func setOffloads(_ offloads: Tap.Offloads) {
        Tap.setOffloads(offloads, of: owned.descriptor)
    }

    /// As many frames as the host keeps for a tap that nobody reads, and then some.
    private static let backlog = 4096

    public func discardFrames() {
        for _ in 0..<Self.backlog {
            // A frame is gone whatever is read of it.
            guard case .bytes = try? ByteStream.read(owned.descriptor, limit: 64) else { return }
        }
    }
}
