import Glibc
import GuestMemory
import Host
import Synchronization
import SystemPackage

@testable import Devices

/// A port that is one end of a pair of sockets: like a tap it keeps frames apart, cuts what there is no room for, and
/// does not wait. The test has the other end.
final class SocketPort: NetworkPort {
    private let near: OwnedFileDescriptor
    private let far: OwnedFileDescriptor
    let offloads = Mutex<[Tap.Offloads]>([])
    let discards = Atomic<Int>(0)

    init() throws {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw Errno(rawValue: errno) }
        near = OwnedFileDescriptor(FileDescriptor(rawValue: ends[0]))
        far = OwnedFileDescriptor(FileDescriptor(rawValue: ends[1]))
    }

    func receive(into pieces: GuestVectors, overflow: OverflowBuffer) -> Int {
        pieces.read(from: near.descriptor, overflow: overflow)
    }

    func send(_ frame: GuestVectors) -> Int {
        frame.write(to: near.descriptor)
    }

    func setOffloads(_ offloads: Tap.Offloads) {
        self.offloads.withLock { $0.append(offloads) }
    }

    func discardFrames() {
        discards.add(1, ordering: .relaxed)
    }

    /// Leaves room for a few frames that are sent.
    func shrink() throws {
        var size: Int32 = 4096
        guard setsockopt(near.rawValue, SOL_SOCKET, SO_SNDBUF, &size, 4) == 0 else { throw Errno(rawValue: errno) }
    }

    /// Has a frame, with its header, come.
    func put(_ bytes: [UInt8]) throws {
        let count = bytes.withUnsafeBytes { write(far.rawValue, $0.baseAddress, $0.count) }
        guard count == bytes.count else { throw Errno(rawValue: errno) }
    }

    /// A frame that was sent, with its header; nil where there is none.
    func take() -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 70000)
        let count = read(far.rawValue, &bytes, bytes.count)
        return count < 0 ? nil : Array(bytes.prefix(count))
    }
}
