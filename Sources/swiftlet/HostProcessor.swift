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
        self.init(cpuinfo: String(decoding: start, as: UTF8.self))
    }

    init(cpuinfo: String) {
        // Each start reads it: bytes are compared, not characters.
        func value(_ key: String) -> Substring.UTF8View? {
            for line in cpuinfo.utf8.split(separator: UInt8(ascii: "\n")) where line.starts(with: key.utf8) {
                guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
                return Substring(line[colon...]).utf8.dropFirst(2)
            }
            return nil
        }
        let flags = value("flags")?.split(separator: UInt8(ascii: " ")) ?? []
        hasVMX = flags.contains { $0.elementsEqual("vmx".utf8) }
        hasSVM = flags.contains { $0.elementsEqual("svm".utf8) }
        physicalAddressBits = value("address sizes").flatMap { Int(Substring($0).prefix { $0.isNumber }) }
    }
}
