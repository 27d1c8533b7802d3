import Host
import SystemPackage

/// What a guest has written to its console, in a file that grows.
struct ConsoleText: Sendable {
    let path: FilePath

    /// Bytes of it that are looked at: a guest may write without end.
    private static let limit: UInt64 = 1 << 20

    /// How many bytes it has now.
    var size: UInt64 { (try? Stat(path)).map { UInt64($0.size) } ?? 0 }

    /// What was written since it had so many bytes, or the end of that, without what only terminals understand.
    func text(since offset: UInt64) -> String {
        let size = size
        guard offset < size, let file = try? OwnedFileDescriptor(opening: path, .readOnly) else { return "" }
        let start = Int64(max(offset, size > Self.limit ? size - Self.limit : 0))
        guard (try? file.descriptor.seek(offset: start, from: .start)) != nil else { return "" }
        var bytes: [UInt8] = []
        while let piece = try? ByteStream.readPiece(file.descriptor, limit: 1 << 16), !piece.isEmpty { bytes += piece }
        return Self.plain(bytes)
    }

    /// The last lines of it.
    func lastLines(_ count: Int) -> [String] {
        text(since: 0).split(separator: "\n").suffix(count).map(String.init)
    }

    /// The line by which the kernel says that it has panicked; nil where it has not, since the console had so many bytes.
    func panic(since offset: UInt64) -> String? {
        text(since: offset).split(separator: "\n").last { $0.contains("Kernel panic - not syncing") }.map(String.init)
    }

    /// Text without control characters and escape sequences (ECMA-48).
    private static func plain(_ bytes: [UInt8]) -> String {
        var plain: [UInt8] = []
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            switch byte {
            case 0x1B where rest.first == UInt8(ascii: "["):
                rest = rest.dropFirst().drop { !(0x40...0x7E).contains($0) }.dropFirst()
            case 0x0A, 0x20...0x7E, 0x80...: plain.append(byte)
            default: break
            }
        }
        return String(decoding: plain, as: UTF8.self)
    }
}
