import CLinux
import Glibc
import Host
import Synchronization
import SystemPackage

@testable import VhostUser

/// A back-end in a thread of the test: it does nothing with queues, but answers as it is told.
package final class FakeBackend: Sendable {
    /// What it does about a request.
    package enum Reaction: Sendable {
        /// As a good one would.
        case usual
        /// The same, after some time.
        case delayed(milliseconds: UInt32)
        /// The number of its answer.
        case answer(UInt64)
        case raw([UInt8])
        case silence
        case end
    }

    package struct Request: Sendable, Equatable {
        package var number: UInt32
        package var flags: UInt32
        package var payload: [UInt8]
        package var descriptorCount: Int

        /// The number of 64 bits at an offset of the payload.
        package func word(_ offset: Int) -> UInt64 {
            payload[offset..<offset + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
    }

    private struct State {
        var requests: [Request] = []
        var reactions: [UInt32: Reaction] = [:]
        var protocolFeatures = VhostUserFeature.wanted
        var features: UInt64 = 1 << 32 | 1 << 30 | 1 << 29 | 1 << 28
        var queueCount: UInt64 = 2
        var slotCount: UInt64 = 32
    }

    private let state = Mutex(State())
    private let end: OwnedFileDescriptor

    private init(_ end: consuming OwnedFileDescriptor) {
        self.end = end
    }

    package static func make() throws -> (FakeBackend, MessageSocket) {
        var (first, second): (CInt, CInt) = (-1, -1)
        let result = unsafe cl_socket_pair(&first, &second)
        guard result == 0 else { throw Errno(rawValue: -result) }
        let backend = FakeBackend(OwnedFileDescriptor(FileDescriptor(rawValue: first)))
        return (backend, MessageSocket(OwnedFileDescriptor(FileDescriptor(rawValue: second))))
    }

    package func offer(
        features: UInt64? = nil, protocolFeatures: UInt64? = nil, queues: UInt64? = nil, slots: UInt64? = nil
    ) {
        state.withLock { state in
            state.features = features ?? state.features
            state.protocolFeatures = protocolFeatures ?? state.protocolFeatures
            state.queueCount = queues ?? state.queueCount
            state.slotCount = slots ?? state.slotCount
        }
    }

    package func react(to request: VhostUserRequest, _ reaction: Reaction) {
        state.withLock { $0.reactions[request.rawValue] = reaction }
    }

    /// What was asked since this was last asked.
    package func takeRequests() -> [Request] {
        state.withLock { state in
            defer { state.requests = [] }
            return state.requests
        }
    }

    /// The names of what was asked since.
    package func takeNames() -> [VhostUserRequest?] {
        takeRequests().map { VhostUserRequest(rawValue: $0.number) }
    }

    /// Serves its end of the connection while the body runs.
    @discardableResult package func serving<Result>(_ body: () throws -> Result) throws -> Result {
        let thread = try Thread(name: "back-end") { [self] in
            while let request = receive() {
                guard answer(request) else { break }
            }
            shutdown(end.rawValue, Int32(SHUT_RDWR))
        }
        defer {
            shutdown(end.rawValue, Int32(SHUT_RDWR))
            thread.join()
        }
        return try body()
    }

    /// Ends the connection.
    package func hangUp() { shutdown(end.rawValue, Int32(SHUT_RDWR)) }

    /// Sends what nobody asked for.
    package func send(_ bytes: [UInt8]) { _ = unsafe write(end.rawValue, bytes, bytes.count) }

    private func answer(_ request: Request) -> Bool {
        let (reaction, usual): (Reaction, UInt64?) = state.withLock { state in
            state.requests.append(request)
            let asksForReply = request.flags & 8 != 0
            let number: UInt64? =
                switch VhostUserRequest(rawValue: request.number) {
                case .getFeatures: state.features
                case .getProtocolFeatures: state.protocolFeatures
                case .getQueueCount: state.queueCount
                case .getMemorySlotCount: state.slotCount
                case .getQueueBase: request.word(0) & 0xffff_ffff | 7 << 32
                default: asksForReply ? 0 : nil
                }
            return (state.reactions[request.number] ?? .usual, number)
        }
        switch reaction {
        case .usual: usual.map { reply(request.number, $0) }
        case .delayed(let milliseconds):
            usleep(milliseconds * 1_000)
            usual.map { reply(request.number, $0) }
        case .answer(let number): reply(request.number, number)
        case .raw(let bytes): send(bytes)
        case .silence: break
        case .end: return false
        }
        return true
    }

    private func reply(_ request: UInt32, _ number: UInt64) {
        var bytes: [UInt8] = []
        for word in [request, 5, 8, UInt32(truncatingIfNeeded: number), UInt32(number >> 32)] {
            unsafe withUnsafeBytes(of: word.littleEndian) { unsafe bytes.append(contentsOf: $0) }
        }
        send(bytes)
    }

    private func receive() -> Request? {
        guard let (header, count) = receive(12) else { return nil }
        func word(_ offset: Int) -> UInt32 { header[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) } }
        guard word(8) <= 4096, let (payload, _) = receive(Int(word(8))) else { return nil }
        return Request(number: word(0), flags: word(4), payload: payload, descriptorCount: count)
    }

    /// So many bytes, and how many descriptors came along, which are closed.
    private func receive(_ count: Int) -> (bytes: [UInt8], descriptors: Int)? {
        var bytes = [UInt8](repeating: 0, count: count)
        var (done, descriptors) = (0, 0)
        while done < count {
            cl_wait_readable(end.rawValue)
            var control = [UInt64](repeating: 0, count: 16)
            let result = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe control.withUnsafeMutableBytes { control in
                    var part = unsafe iovec(
                        iov_base: buffer.baseAddress?.advanced(by: done), iov_len: count - done)
                    return unsafe withUnsafeMutablePointer(to: &part) { part in
                        var message = unsafe msghdr(
                            msg_name: nil, msg_namelen: 0, msg_iov: part, msg_iovlen: 1,
                            msg_control: control.baseAddress, msg_controllen: control.count, msg_flags: 0)
                        let result = unsafe recvmsg(end.rawValue, &message, 0)
                        // cmsg_len, of which 16 bytes are the header's own.
                        if result > 0, unsafe message.msg_controllen > 16 {
                            let numbers = unsafe control.bindMemory(to: CInt.self)
                            let size = unsafe Int(numbers[0]) - 16
                            for index in 0..<size / 4 { close(unsafe numbers[4 + index]) }
                            descriptors += size / 4
                        }
                        return result
                    }
                }
            }
            if result < 0, errno == EAGAIN { continue }
            guard result > 0 else { return nil }
            done += result
        }
        return (bytes, descriptors)
    }
}
