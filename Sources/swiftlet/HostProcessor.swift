import Host
import SystemPackage

/// What `/proc/cpuinfo` says of the host's first processor.
struct HostProcessor {
    /// Physical address bits; nil where it does not say.
    let physicalAddressBits: Int?
    /// Intel's hardware virtualisation.
    let hasVMX: Bool
    /// AMD's hardware virtualisation.
    let hasSVM: Bool

    /// This host's.
    static let host = HostProcessor()

    private init() {
        var start: [UInt8] = []
        if let file = try? OwnedFileDescriptor(opening: "/proc/cpuinfo", .readOnly) {
            // A processor's lines have less than 8 KiB; there may be hundreds of processors.
            start = (try? file.descriptor.bytes(count: 8192, at: 0)) ?? []
        }
        self.init(cpuinfo: start)
    }

    /// - Parameter cpuinfo: the file's beginning. Each start reads it: bytes are compared, and nothing is copied.
    init(cpuinfo: [UInt8]) {
        var (hasVMX, hasSVM) = (false, false)
        var physicalAddressBits: Int?
        for line in Pieces(cpuinfo[...], separator: UInt8(ascii: "\n")) {
            // Behind the first processor's lines one is empty.
            guard !line.isEmpty else { break }
            if line.starts(with: "flags".utf8) {
                for flag in Pieces(line, separator: UInt8(ascii: " ")) {
                    hasVMX = hasVMX || flag.elementsEqual("vmx".utf8)
                    hasSVM = hasSVM || flag.elementsEqual("svm".utf8)
                }
            } else if line.starts(with: "address sizes".utf8) {
                // "address sizes : 46 bits physical, 48 bits virtual"
                let value = line.drop { $0 != UInt8(ascii: ":") }.dropFirst(2)
                physicalAddressBits = Int(String(decoding: value.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self))
            }
        }
        self.hasVMX = hasVMX
        self.hasSVM = hasSVM
        self.physicalAddressBits = physicalAddressBits
    }

    /// What stands between separators.
    private struct Pieces: Sequence, IteratorProtocol {
        private var rest: ArraySlice<UInt8>?
        private let separator: UInt8

        init(_ text: ArraySlice<UInt8>, separator: UInt8) {
            rest = text
            self.separator = separator
        }

        mutating func next() -> ArraySlice<UInt8>? {
            guard let text = rest else { return nil }
            guard let end = text.firstIndex(of: separator) else {
                rest = nil
                return text
            }
            rest = text[(end + 1)...]
            return text[..<end]
        }
    }
}
