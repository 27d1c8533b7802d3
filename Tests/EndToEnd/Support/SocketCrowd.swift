import Glibc

/// Many connections to a program that sends back what it gets: all of them send and receive at once, each bytes of its
/// own.
final class SocketCrowd {
    private struct Member {
        let socket: HostSocket
        var sent = 0
        var received = 0
        var isOver = false
    }

    private var members: [Member]
    /// Bytes that each sends.
    private let size: Int
    /// What is sent, from a place of each connection's own, and twice, so that each piece is in one piece.
    private static let table: [UInt8] = {
        var state: UInt64 = 1
        let bytes = (0..<tableSize).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        return bytes + bytes
    }()
    private static let tableSize = 1 << 16

    init(_ sockets: [HostSocket], size: Int) {
        members = sockets.map { Member(socket: $0) }
        self.size = size
    }

    private static func place(_ index: Int, _ offset: Int) -> Int { (index * 4099 + offset) % tableSize }

    /// Sends until no more is taken, and receives nothing.
    ///
    /// - Returns: how many bytes the connections took, one by one.
    func stuff(within time: Duration) throws -> [Int] {
        try move(within: time, receives: false)
        return members.map(\.sent)
    }

    /// Sends everything, ends that direction, and receives everything and the end of it.
    ///
    /// - Throws: `TestFailure` where that takes too long, or other bytes come.
    func exchange(within time: Duration) throws {
        try move(within: time, receives: true)
    }

    private func move(within time: Duration, receives: Bool) throws {
        let deadline = Deadline(time)
        var buffer = [UInt8](repeating: 0, count: Self.tableSize)
        while true {
            var entries = members.map { member in
                let wants = (receives ? POLLIN : 0) | (member.sent < size ? POLLOUT : 0)
                return pollfd(
                    fd: member.isOver ? -1 : member.socket.descriptor, events: Int16(wants), revents: 0)
            }
            if receives, entries.allSatisfy({ $0.fd < 0 }) { return }
            guard !deadline.hasPassed else {
                if !receives { return }
                let waiting = members.filter { !$0.isOver }.count
                throw TestFailure("\(waiting) of \(members.count) connections are not done within \(time)")
            }
            let count = poll(&entries, nfds_t(entries.count), receives ? deadline.pollTimeout : 2000)
            // Nobody took anything for a while.
            if count == 0, !receives { return }
            for index in members.indices {
                let events = Int32(entries[index].revents)
                if events & POLLOUT != 0 { try send(index) }
                if receives, events & ~POLLOUT != 0 { try receive(index, &buffer) }
            }
        }
    }

    private func send(_ index: Int) throws {
        let start = Self.place(index, members[index].sent)
        let length = min(size - members[index].sent, Self.tableSize)
        let descriptor = members[index].socket.descriptor
        let count = Self.table.withUnsafeBytes {
            Glibc.send(
                descriptor, $0.baseAddress.map { $0 + start }, length,
                Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
        }
        guard count > 0 || errno == EAGAIN else { throw TestFailure("connection \(index): sending: errno \(errno)") }
        members[index].sent += max(0, count)
        if members[index].sent == size { shutdown(descriptor, Int32(SHUT_WR)) }
    }

    private func receive(_ index: Int, _ buffer: inout [UInt8]) throws {
        let count = recv(members[index].socket.descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        guard count > 0 else {
            if count < 0, errno == EAGAIN { return }
            guard count == 0, members[index].received == size else {
                throw TestFailure("connection \(index) ends after \(members[index].received) of \(size) bytes")
            }
            members[index].isOver = true
            return
        }
        let start = Self.place(index, members[index].received)
        // Quick also where nothing is optimized.
        let isSame = Self.table.withUnsafeBytes { table in
            table.baseAddress.map { memcmp($0 + start, buffer, count) == 0 } ?? false
        }
        guard isSame else {
            throw TestFailure("connection \(index): other bytes behind \(members[index].received)")
        }
        members[index].received += count
    }
}
