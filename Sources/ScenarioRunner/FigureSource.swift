import AgentProtocol
import Host
import Scenario
import SystemPackage

/// Where the figures come from that conditions are about.
struct FigureSource: Sendable {
    let machine: TestedMachine
    let agent: GuestAgent
    let state: CaseState

    /// A figure that does not exist, such as a name that the guest's kernel does not have.
    struct Missing: Error {
        let message: String
    }

    /// Milliseconds that a guest may take to tell, unless somebody has less time.
    static let patience: UInt64 = 30_000

    /// The figures at one moment.
    ///
    /// - Parameters:
    ///   - start: when the step began.
    ///   - patience: milliseconds that the guest may take to tell.
    /// - Throws: `Missing`, `QMPClient.Failure`, `GuestAgent.Lost`, `GuestAgent.Late`.
    func values(of metrics: [Metric], since start: UInt64, within patience: UInt64) throws -> [Metric: Double] {
        let figures = try MachineFigures(machine)
        let report = metrics.contains(where: \.isGuests) ? try agent.memory(within: patience) : nil
        var values: [Metric: Double] = [:]
        for metric in metrics {
            values[metric] = try value(of: metric, figures, report, since: start)
        }
        return values
    }

    private func value(
        of metric: Metric, _ figures: MachineFigures, _ report: MemoryReport?, since start: UInt64
    ) throws -> Double {
        switch metric {
        case .device(let id, let value): return Double(Self.size(value, of: id, figures))
        case .host(.resident): return Double(ResidentMemory.size(of: machine.number))
        case .host(.peak): return Double(ResidentMemory.peak(of: machine.number))
        case .host(.slots): return Double(figures.slots)
        case .host(.processor): return processorTime
        case .events(let name): return Double(state.count(ofEvent: name))
        case .boots: return Double(state.boots)
        case .elapsed: return Double(state.clock.now - start) / 1000
        case .took: return Double(state.lastDuration) / 1000
        case .kept(let name):
            guard let value = state.kept(name) else { throw Missing(message: "\(name) is not kept yet") }
            return value
        case .guest, .node, .zone, .blocks:
            guard let report, let value = Self.value(of: metric, in: report) else {
                throw Missing(message: "the guest has no \(metric)")
            }
            return value
        }
    }

    private static func size(_ value: Metric.DeviceValue, of id: String?, _ figures: MachineFigures) -> UInt64 {
        let devices = id.map { [figures.devices[$0] ?? .init()] } ?? Array(figures.devices.values)
        return devices.reduce(0) { sum, device in
            switch value {
            case .requested: sum + device.requested
            case .plugged: sum + device.plugged
            case .usable: sum + device.usable
            case .size: sum + device.size
            }
        }
    }

    /// Seconds of user and system time (proc_pid_stat(5)).
    private var processorTime: Double {
        guard let text = KernelText.read(FilePath("/proc/\(machine.number)/stat")),
            // Behind the name, which may have spaces in it.
            let rest = text.split(separator: ")").last?.split(separator: " "), rest.count > 12,
            let user = Double(rest[11]), let system = Double(rest[12])
        else { return 0 }
        return (user + system) / 100
    }

    /// What a guest's report says; nil for what it does not have.
    static func value(of metric: Metric, in report: MemoryReport) -> Double? {
        switch metric {
        case .guest(let name): return report.amounts.first { $0.name == name }.map { Double($0.value) }
        case .node(let number, let name):
            guard let node = report.nodes.first(where: { $0.number == number }) else {
                // Linux has no node without memory and processors; it has as much of everything as an empty one.
                return report.nodes.contains { $0.amounts.contains { $0.name == name } } ? 0 : nil
            }
            return node.amounts.first { $0.name == name }.map { Double($0.value) }
        case .zone(let name, let value):
            let zones = report.zones.filter { $0.name == name }
            // A zone without memory is not in every kernel's list.
            return zones.reduce(0) { $0 + Double(size(value, of: $1)) }
        case .blocks(let kind):
            return report.blocks.reduce(0) { $0 + (counts($1, kind) ? Double($1.count) : 0) }
        default: return nil
        }
    }

    private static func size(_ value: Metric.ZoneValue, of zone: MemoryReport.Zone) -> UInt64 {
        switch value {
        case .free: zone.free
        case .present: zone.present
        case .managed: zone.managed
        case .spanned: zone.spanned
        }
    }

    private static func counts(_ blocks: MemoryReport.Blocks, _ kind: Metric.Blocks) -> Bool {
        switch kind {
        case .all: true
        case .online: blocks.state == "online"
        case .offline: blocks.state == "offline"
        case .movable: blocks.state == "online" && blocks.zones.hasPrefix("Movable")
        case .kernel: blocks.state == "online" && !blocks.zones.hasPrefix("Movable")
        }
    }
}
