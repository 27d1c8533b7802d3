import SystemPackage

/// Files of `/proc` and `/sys`, which are read as a whole and have no size.
public enum KernelText {
    /// The text of a file; nil where it can't be read.
    public static func read(_ path: FilePath) -> String? {
        guard let file = try? OwnedFileDescriptor(opening: path, .readOnly) else { return nil }
        var text: [UInt8] = []
        while true {
            switch try? ByteStream.read(file.descriptor, limit: 1 << 16) {
            case .bytes(let bytes): text += bytes
            case .wouldBlock: continue
            case .end: return String(decoding: text, as: UTF8.self)
            case nil: return nil
            }
        }
    }

    /// The number that is all of a file's text; nil for anything else, such as `max`.
    public static func number(_ path: FilePath) -> UInt64? {
        read(path).flatMap { text in UInt64(text.prefix { $0 != "\n" }) }
    }

    /// The number behind a word at the beginning of a line, as in `/proc/meminfo` and `memory.stat`: the unit `kB`
    /// counts 1024.
    public static func value(of key: String, in text: String) -> UInt64? {
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            guard words.count >= 2, words[0] == key, let number = UInt64(words[1]) else { continue }
            return words.count > 2 && words[2] == "kB"
                ? number.multipliedReportingOverflow(by: 1024).partialValue : number
        }
        return nil
    }
}
