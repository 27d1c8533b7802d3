import Glibc
import Host
import SystemPackage
import VhostUser

/// The other end of a vhost-user connection: it has said what the input makes it say before it is asked.
final class FuzzBackend {
    /// The front-end's.
    let socket: MessageSocket
    private let end: MessageSocket

    /// What a front-end waits for an answer to.
    private static let requests: [VhostUserRequest] = [
        .getFeatures, .getProtocolFeatures, .getQueueCount, .getMemorySlotCount, .setFeatures, .addMemoryRegion,
        .setMemoryTable, .setQueueSize, .setQueueBase, .setQueueAddresses, .setQueueError, .setQueueCall, .setQueueKick,
        .setQueueEnabled, .getQueueBase, .removeMemoryRegion,
    ]

    init() {
        var ends: [CInt] = [-1, -1]
        let type = CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        require(socketpair(AF_UNIX, type, 0, &ends) == 0, "there are sockets")
        end = MessageSocket(OwnedFileDescriptor(FileDescriptor(rawValue: ends[0])))
        socket = MessageSocket(OwnedFileDescriptor(FileDescriptor(rawValue: ends[1])))
    }

    /// What a good one says to a front-end that says hello.
    func greet(_ input: inout InputReader) {
        let choice = UInt64(input.uint8())
        answer(.getFeatures, 1 << 32 | 1 << 30 | (choice >> 4) << 28)
        answer(.getProtocolFeatures, 1 | (choice << 3) & 8 | (choice << 14) & (1 << 15))
        answer(.getQueueCount, choice & 0x80 == 0 ? 2 : 0)
        if choice & 2 != 0 { answer(.getMemorySlotCount, UInt64(input.uint8())) }
    }

    /// Says something.
    func speak(_ input: inout InputReader) {
        let kind = input.uint8()
        let request = Self.requests[Int(kind & 15)]
        switch kind >> 4 {
        case 0..<10: answer(request, request == .getQueueBase ? UInt64(kind >> 4 & 1) : 0)
        case 10: answer(request, UInt64(input.uint8()))
        case 11: answer(request, input.uint64())
        case 12: send([input.uint32(), input.uint32(), input.uint32(), input.uint32(), input.uint32()])
        case 13: send([UInt32(kind)])
        case 14: for request in Self.requests[7...13] { answer(request, 0) }
        default: end.end()
        }
    }

    /// Takes what it was told, with all descriptors.
    func listen() {
        _ = try? end.receive(1 << 16, until: .now())
    }

    private func answer(_ request: VhostUserRequest, _ number: UInt64) {
        send([request.rawValue, 5, 8, UInt32(truncatingIfNeeded: number), UInt32(number >> 32)])
    }

    private func send(_ words: [UInt32]) {
        let bytes = words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
        // What nobody reads any more is lost.
        _ = try? end.send(bytes, [], until: .now())
    }
}
