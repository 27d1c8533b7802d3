import Host
import JSON

/// A machine's figures at one moment, by its metrics.
struct MachineFigures: Sendable {
    struct Device: Sendable {
        var requested: UInt64 = 0
        var plugged: UInt64 = 0
        var usable: UInt64 = 0
        var size: UInt64 = 0
    }

    /// By id.
    private(set) var devices: [String: Device] = [:]
    private(set) var slots: UInt64 = 0

    private static let prefix = "swiftlet_memory_device_"

    /// - Throws: `QMPClient.Failure`.
    init(_ machine: TestedMachine) throws {
        self.init(text: try machine.execute("x-swiftlet-query-metrics").string ?? "")
    }

    /// - Parameter text: in Prometheus's format.
    init(text: String) {
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " "), let value = UInt64(line[line.index(after: space)...]) else {
                continue
            }
            let name = line.prefix { $0 != "{" && $0 != " " }
            guard name.hasPrefix(Self.prefix), let id = Self.label("device", in: line) else { continue }
            set(name.dropFirst(Self.prefix.count), of: id, to: value)
        }
    }

    private mutating func set(_ name: Substring, of id: String, to value: UInt64) {
        switch name {
        case "requested_bytes": devices[id, default: Device()].requested = value
        case "plugged_bytes": devices[id, default: Device()].plugged = value
        case "usable_bytes": devices[id, default: Device()].usable = value
        case "region_bytes": devices[id, default: Device()].size = value
        case "slots": slots += value
        default: break
        }
    }

    /// What stands behind `name="` in a line of metrics; ids have no quotes.
    private static func label(_ name: String, in line: Substring) -> String? {
        for part in line.split(whereSeparator: { "{},".contains($0) }) where part.hasPrefix("\(name)=\"") {
            return String(part.dropFirst(name.count + 2).dropLast())
        }
        return nil
    }
}
