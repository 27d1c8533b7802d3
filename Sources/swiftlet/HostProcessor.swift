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

    init() {
        var start: [UInt8] = []
        if let file = try? OwnedFileDescriptor(opening: "/proc/cpuinfo", .readOnly) {
            // A processor's lines have less than 8 KiB; there may be hundreds of processors.
            start = (try? file.descriptor.bytes(count: 8192, at: 0)) ?? []
        }
        self.init(cpuinfo: String(decoding: start, as: UTF8.self))
    }

    init(cpuinfo: String) {
        var values: [Substring: Substring] = [:]
        for line in cpuinfo.split(separator: "\n", omittingEmptySubsequences: false).prefix(while: { !$0.isEmpty }) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let key = line[..<colon].prefix { $0 != "\t" }
            values[key] = line[line.index(after: colon)...].drop { $0 == " " }
        }
        let flags = Set((values["flags"] ?? "").split(separator: " "))
        hasVMX = flags.contains("vmx")
        hasSVM = flags.contains("svm")
        physicalAddressBits = values["address sizes"].flatMap { Int($0.prefix { $0.isNumber }) }
    }
}
