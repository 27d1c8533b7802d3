import Glibc

/// What comes from a descriptor: everything that came so far, and how much of it a test has looked at.
final class ByteSource {
    let descriptor: Int32
    private(set) var bytes: [UInt8] = []
    private(set) var isAtEnd = false
    /// Where the search for the next text begins.
    private var position = 0

    /// - Parameter descriptor: closed when this value is gone.
    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Reads what is there, without waiting.
    func read() {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while !isAtEnd, isReadable {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count > 0 {
                bytes += buffer[..<count]
            } else if count == 0 || errno != EINTR {
                // A pseudo-terminal whose other end is closed fails with EIO.
                isAtEnd = true
            }
        }
    }

    private var isReadable: Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) > 0
    }

    /// Looks for a text behind what was found before.
    ///
    /// - Returns: what stands in front of it; nil where it is not there yet.
    func take(through text: String) -> String? {
        let pattern = Array(text.utf8)
        guard bytes.count - position >= pattern.count else { return nil }
        for start in position...bytes.count - pattern.count where bytes[start...].starts(with: pattern) {
            defer { position = start + pattern.count }
            return String(decoding: bytes[position..<start], as: UTF8.self)
        }
        return nil
    }

    /// Waits until one of several sources has something to read.
    static func wait(for sources: [ByteSource], until deadline: Deadline) {
        var entries = sources.filter { !$0.isAtEnd }.map {
            pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0)
        }
        // Also where nothing is left to wait for: a process ends without a sign.
        _ = poll(
            &entries, nfds_t(entries.count), entries.isEmpty ? min(50, deadline.pollTimeout) : deadline.pollTimeout)
        sources.forEach { $0.read() }
    }
}
