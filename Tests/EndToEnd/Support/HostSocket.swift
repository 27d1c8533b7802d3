import Glibc

/// A program's end of a connection by a Unix socket. It is closed with this object.
final class HostSocket {
    let descriptor: Int32
    private var isReleased = false

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        if !isReleased { close(descriptor) }
    }

    /// Gives the descriptor away; the caller closes it.
    func released() -> Int32 {
        isReleased = true
        return descriptor
    }

    /// Connects to whoever listens at a path.
    convenience init(connectedTo path: String) throws {
        self.init(try Self.make(path) { Glibc.connect($0, $1, $2) })
    }

    /// Listens at a path.
    convenience init(listeningAt path: String) throws {
        self.init(try Self.make(path) { bind($0, $1, $2) })
        guard listen(descriptor, 4096) == 0 else { throw TestFailure("listening at \(path)") }
    }

    private static func make(
        _ path: String, _ use: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                use(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard descriptor >= 0, result == 0 else {
            throw TestFailure("\(path): \(String(cString: strerror(errno)))")
        }
        return descriptor
    }

    /// Connects to a port of a guest, by the socket of its `--vsock`, and waits for the guest's consent.
    ///
    /// - Throws: `TestFailure` where it is closed instead.
    convenience init(port: UInt32, of path: String) throws {
        try self.init(connectedTo: path)
        try send("CONNECT \(port)\n")
        let line = try receiveLine()
        guard line.hasPrefix("OK ") else { throw TestFailure("port \(port): \(line)") }
    }

    func send(_ text: String) throws {
        guard write(descriptor, text, text.utf8.count) == text.utf8.count else { throw TestFailure("send: \(text)") }
    }

    /// A line, without its end; what came before the connection's end where that comes first.
    func receiveLine(within time: Duration = .seconds(30)) throws -> String {
        let deadline = Deadline(time)
        var bytes: [UInt8] = []
        while bytes.last != 10 {
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, deadline.pollTimeout) >= 0, !deadline.hasPassed else {
                throw TestFailure("no line within \(time)")
            }
            var byte: UInt8 = 0
            if entry.revents != 0 {
                guard read(descriptor, &byte, 1) == 1 else { return String(decoding: bytes, as: UTF8.self) }
                bytes.append(byte)
            }
        }
        return String(decoding: bytes.dropLast(), as: UTF8.self)
    }

    /// Whether the other end closes the connection.
    func isClosed(within time: Duration = .seconds(30)) throws -> Bool {
        try receiveLine(within: time).isEmpty
    }
}
