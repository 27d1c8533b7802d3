import Host
import SystemPackage

/// What a virtiofsd that was started for the machine complains about: its standard error. It belongs to the event loop's
/// thread.
final class ServerMessages {
    private let pipe: OwnedFileDescriptor

    /// Bytes of a message.
    private static let limit = 240

    /// - Parameter pipe: stays the caller's.
    init(_ pipe: FileDescriptor) throws(SystemCallError) {
        self.pipe = try OwnedFileDescriptor(duplicating: pipe)
        try self.pipe.descriptor.makeNonBlocking()
    }

    /// Calls the body with what comes from now on.
    func forEach(on loop: EventLoop, _ body: @escaping (String) -> Void) throws(SystemCallError) {
        var token: EventLoop.Token?
        token = try loop.add(pipe.descriptor, .readable) { [unowned self] readiness in
            if let text = read() {
                body(text)
            } else if !readiness.isDisjoint(with: .closed), let token {
                // Its process has ended.
                loop.remove(token)
            }
        }
    }

    /// The last line of what has come; nil for nothing.
    func read() -> String? {
        guard case .bytes(let bytes)? = try? ByteStream.read(pipe.descriptor) else { return nil }
        guard let line = bytes.split(separator: UInt8(ascii: "\n")).last else { return nil }
        return String(decoding: line.prefix(Self.limit).map { $0 < 0x20 ? 0x20 : $0 }, as: UTF8.self)
    }
}
