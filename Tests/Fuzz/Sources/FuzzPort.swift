import Glibc
import GuestMemory
import Host
import SystemPackage

@testable import Devices

/// A network device's port: one end of a pair of sockets, which keeps frames apart and has room for a few of them.
final class FuzzPort: NetworkPort {
    private let near: OwnedFileDescriptor
    private let far: OwnedFileDescriptor

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

    func setOffloads(_ offloads: Tap.Offloads) {}

    func discardFrames() {
        var bytes: [UInt8] = [0]
        while read(near.rawValue, &bytes, 1) >= 0 {}
    }

    /// Has a frame come, if there is room.
    func put(_ count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        _ = bytes.withUnsafeBytes { write(far.rawValue, $0.baseAddress, $0.count) }
    }

    /// Takes what was sent.
    func drain() {
        var bytes = [UInt8](repeating: 0, count: 1 << 17)
        while true {
            let count = read(far.rawValue, &bytes, bytes.count)
            guard count >= 0 else { return }
            require(count >= 26 && count <= 65566, "frames that are sent have a length that frames have")
        }
    }
}
