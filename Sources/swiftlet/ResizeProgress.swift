import Configuration
import Control
import Glibc
import Host

/// Follows a resize until it is done: with a bar on a terminal, with lines elsewhere.
struct ResizeProgress {
    private let machine: RunningMachine
    private let goals: [(id: String, size: UInt64)]
    /// The plugged sizes from which the bar counts, in bytes.
    private let begin: [UInt64]
    private let isTerminal = RawTerminal.isTerminal(.standardOutput)

    /// Milliseconds between two looks, and between two lines.
    private static let interval: UInt32 = 50
    private static let lineInterval: UInt64 = 1_000
    /// Columns of the bar.
    private static let width = 30

    /// Begins where the devices are now: to be made before the guest is asked, which may be quicker than we are.
    ///
    /// - Parameter goals: requested sizes of devices, in bytes.
    /// - Throws: `Refusal` where the machine can't be asked.
    init(_ machine: RunningMachine, goals: [(id: String, size: UInt64)]) throws {
        self.machine = machine
        self.goals = goals
        begin = try Self.reports(machine, goals).map(\.size)
    }

    /// Waits until all sizes are reached.
    ///
    /// - Throws: `Refusal` where that takes longer, or another size is asked for meanwhile.
    func follow(_ patience: Milliseconds) throws {
        let start = MonotonicInstant.now()
        var lastLine: (text: String, time: MonotonicInstant)?
        var reached = begin
        while true {
            let devices = try look(after: reached)
            let sizes = devices.map(\.size)
            reached = sizes
            let isDone = zip(sizes, goals).allSatisfy { $0 == $1.size }
            let text = line(sizes)
            let now = MonotonicInstant.now()
            if isTerminal {
                show("\r\(text)\u{1B}[K" + (isDone ? "\n" : ""))
            } else if isDone || isDue(text, after: lastLine, now) {
                show(text + "\n")
                lastLine = (text, now)
            }
            if isDone { return }
            try checkRequests(devices)
            guard now < start.advanced(byMilliseconds: patience.count) else {
                endLine()
                throw Refusal(try explanation(devices, after: patience))
            }
            usleep(Self.interval * 1_000)
        }
    }

    /// Looks at the devices.
    ///
    /// - Throws: `Refusal` where the machine can't be asked any more, with the sizes that it had reached by then.
    private func look(after reached: [UInt64]) throws -> [DeviceReport] {
        do {
            return try Self.reports(machine, goals)
        } catch let refusal as Refusal {
            endLine()
            throw Refusal("\(refusal.message); before that it had \(states(reached).joined(separator: ", "))")
        }
    }

    private func states(_ sizes: [UInt64]) -> [String] {
        zip(goals, sizes).map { "\($0.id) \(ByteSize($1)) of \(ByteSize($0.size))" }
    }

    /// Whether another line is worth it.
    private func isDue(
        _ text: String, after last: (text: String, time: MonotonicInstant)?, _ now: MonotonicInstant
    ) -> Bool {
        guard let last else { return true }
        return last.text != text && last.time.advanced(byMilliseconds: Self.lineInterval) <= now
    }

    private func endLine() {
        if isTerminal { show("\n") }
    }

    private static func reports(
        _ machine: RunningMachine, _ goals: [(id: String, size: UInt64)]
    ) throws -> [DeviceReport] {
        let devices = try machine.devices()
        return goals.compactMap { goal in devices.first { $0.id == goal.id } }
    }

    private func checkRequests(_ devices: [DeviceReport]) throws {
        for (device, goal) in zip(devices, goals) where device.requestedSize != goal.size {
            endLine()
            throw Refusal(
                "\(machine.name): \(device.id): somebody asked for \(ByteSize(device.requestedSize)) meanwhile; it has"
                    + " \(ByteSize(device.size))")
        }
    }

    private func line(_ sizes: [UInt64]) -> String {
        var states = states(sizes).joined(separator: ", ")
        guard isTerminal else { return states }
        if goals.count > 1 {
            let (plugged, wanted) = (sizes.reduce(0, +), goals.map(\.size).reduce(0, +))
            states = "\(ByteSize(plugged)) of \(ByteSize(wanted)): \(states)"
        }
        func distance(_ sizes: [UInt64]) -> UInt64 {
            zip(goals, sizes).reduce(0) { $0 + ($1.0.size > $1.1 ? $1.0.size - $1.1 : $1.1 - $1.0.size) }
        }
        let (whole, left) = (distance(begin), distance(sizes))
        let part = whole == 0 ? 1 : 1 - min(1, Double(left) / Double(whole))
        let filled = Int(part * Double(Self.width))
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: Self.width - filled)
        let text = "[\(bar)] \(Int(part * 100))% \(states)"
        // What does not fit into one row could not be overwritten.
        let columns = max(1, TerminalSize(of: .standardOutput).columns - 1)
        return text.count <= columns ? text : text.prefix(columns - 1) + (TerminalLocale.isUTF8 ? "…" : "~")
    }

    /// How far it got, and why not farther.
    private func explanation(_ devices: [DeviceReport], after patience: Milliseconds) throws -> String {
        let open = zip(devices, goals).filter { $0.0.size != $0.1.size }
        let details = try machine.monitor("info memory-devices -v")
        let parts = open.map { device, goal in
            let text = "\(device.id) has \(ByteSize(device.size)) of \(ByteSize(goal.size)) after \(patience)"
            let findings = Self.findings(of: device.id, in: details)
            return findings.isEmpty ? text : text + ": " + findings.joined(separator: ". Or ")
        }
        return "\(machine.name): " + parts.joined(separator: "; ")
    }

    /// What `info memory-devices -v` says of why a device is not where it should be, and what to do.
    private static func findings(of id: String, in details: String) -> [String] {
        var findings: [String] = []
        var isThis = false
        for line in details.split(separator: "\n") {
            if line.hasPrefix("Memory device ") { isThis = line.hasSuffix("\"\(id)\"") }
            guard isThis else { continue }
            if line.hasPrefix("  why: ") {
                findings.append(String(line.dropFirst(7)))
            } else if line.hasPrefix("  try: "), let last = findings.popLast() {
                findings.append(last + "; " + line.dropFirst(7))
            }
        }
        return findings
    }
}
