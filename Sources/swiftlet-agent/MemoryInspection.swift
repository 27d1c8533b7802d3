import AgentProtocol
import Glibc
import Host
import SystemPackage

/// What the kernel says of its memory.
enum MemoryInspection {
    private static let nodeDirectory: FilePath = "/sys/devices/system/node"

    static func report() -> MemoryReport {
        var report = MemoryReport()
        report.amounts = amounts(KernelText.read("/proc/meminfo") ?? "")
        report.nodes = nodes()
        let pageSize = UInt64(sysconf(Int32(_SC_PAGESIZE)))
        report.zones = zones(KernelText.read("/proc/zoneinfo") ?? "", pageSize: pageSize)
        report.pressure = pressure(KernelText.read("/proc/pressure/memory") ?? "")
        report.blockSize = LinuxMemoryBlock.size
        report.blocks = blocks()
        return report
    }

    /// Lines as `MemFree:  123 kB`, or with `Node 0 ` before.
    static func amounts(_ text: String) -> [MemoryReport.Amount] {
        text.split(separator: "\n").compactMap { line in
            var words = line.split(separator: " ", omittingEmptySubsequences: true)[...]
            if words.first == "Node" { words = words.dropFirst(2) }
            guard let name = words.popFirst(), name.hasSuffix(":"),
                let number = words.popFirst().flatMap({ UInt64($0) })
            else { return nil }
            let (bytes, overflows) = number.multipliedReportingOverflow(by: words.first == "kB" ? 1024 : 1)
            return overflows ? nil : MemoryReport.Amount(String(name.dropLast()), bytes)
        }
    }

    private static func nodes() -> [MemoryReport.Node] {
        let names = (try? nodeDirectory.directoryEntries()) ?? []
        return names.compactMap { $0.hasPrefix("node") ? UInt32($0.dropFirst(4)) : nil }.sorted().map { number in
            let text = KernelText.read(nodeDirectory.appending("node\(number)").appending("meminfo")) ?? ""
            return MemoryReport.Node(number: number, amounts: amounts(text))
        }
    }

    /// `/proc/zoneinfo`: a line `Node 0, zone   Normal`, and pages by name behind it.
    static func zones(_ text: String, pageSize: UInt64) -> [MemoryReport.Zone] {
        var zones: [MemoryReport.Zone] = []
        for line in text.split(separator: "\n") {
            var words = line.split(separator: " ", omittingEmptySubsequences: true)[...]
            if words.first == "Node", words.count >= 4, let node = UInt32(words[words.startIndex + 1].dropLast()) {
                zones.append(MemoryReport.Zone(node: node, name: String(words[words.startIndex + 3])))
                continue
            }
            // "pages free  123" is the first of them.
            if words.first == "pages" { words = words.dropFirst() }
            guard words.count == 2, let pages = words.last.flatMap({ UInt64($0) }), let name = words.first,
                !zones.isEmpty
            else { continue }
            let bytes = pages.multipliedReportingOverflow(by: pageSize).partialValue
            switch name {
            case "free": zones[zones.count - 1].free = bytes
            case "min": zones[zones.count - 1].minimum = bytes
            case "low": zones[zones.count - 1].low = bytes
            case "high": zones[zones.count - 1].high = bytes
            case "spanned": zones[zones.count - 1].spanned = bytes
            case "present": zones[zones.count - 1].present = bytes
            case "managed": zones[zones.count - 1].managed = bytes
            default: break
            }
        }
        return zones
    }

    /// Lines as `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`.
    static func pressure(_ text: String) -> [MemoryReport.Pressure] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard let kind = words.first else { return nil }
            func value(_ key: String) -> Substring {
                words.first { $0.hasPrefix(key + "=") }.map { $0.dropFirst(key.count + 1) } ?? "0"
            }
            // Always with two digits behind the point.
            let averages = ["avg10", "avg60", "avg300"].map { UInt32(value($0).filter { $0 != "." }) ?? 0 }
            return MemoryReport.Pressure(kind: String(kind), averages: averages, total: UInt64(value("total")) ?? 0)
        }
    }

    /// Blocks that follow each other and are alike become one entry.
    private static func blocks() -> [MemoryReport.Blocks] {
        var ranges: [MemoryReport.Blocks] = []
        for block in LinuxMemoryBlock.all() {
            let (node, state, zones) = (block.node, block.state, block.zones)
            if let last = ranges.last, last.first + UInt64(last.count) == block.number, last.node == node,
                last.state == state, last.zones == zones
            {
                ranges[ranges.count - 1].count += 1
            } else {
                ranges.append(.init(first: block.number, count: 1, node: node, state: state, zones: zones))
            }
        }
        return ranges
    }
}
