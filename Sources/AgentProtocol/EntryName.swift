/// The name of something in a directory: no path, so that what is sent can't leave the directory that it is sent to.
public struct EntryName: Sendable, Equatable {
    /// As the file system has it: not always UTF-8.
    public let bytes: [UInt8]

    /// - Returns: nil for what can't be a name: empty, more than 255 bytes, `.`, `..`, or with a slash or zero in it.
    public init?(_ bytes: [UInt8]) {
        let dot = UInt8(ascii: ".")
        guard (1...255).contains(bytes.count), bytes != [dot], bytes != [dot, dot],
            !bytes.contains(where: { $0 == 0 || $0 == UInt8(ascii: "/") })
        else { return nil }
        self.bytes = bytes
    }

    private init(known text: String) {
        bytes = Array(text.utf8)
    }

    /// For the root directory, which has no name.
    public static let unnamed = EntryName(known: "root")

    /// For messages.
    public var text: String { String(decoding: bytes, as: UTF8.self) }
}
