import Host
import QMPProtocol
import Scenario
import TestReport

/// Looks at a machine all along: takes samples of its memory, notes its events, and tells when something that must hold does
/// not. It runs on a thread of its own, and keeps to what needs no answer of the guest.
struct MachineWatch: Sendable {
    let scenario: Scenario
    let figures: FigureSource
    let diagnosis: Diagnosis

    private var state: CaseState { figures.state }
    private var machine: TestedMachine { figures.machine }

    /// Watches until the case is over.
    func run() {
        do {
            try watch()
        } catch is CaseState.Over {
            // A last look, for the plot.
            try? sample(try MachineFigures(machine))
        } catch {
            guard !state.isEnding else { return }
            state.fail(diagnosis.failure(.host, "the machine does not answer: \(error)", line: nil))
        }
    }

    private func watch() throws {
        let client = try QMPClient(at: machine.qmp)
        let console = ConsoleText(path: machine.console)
        var seen: UInt64 = 0
        while true {
            try state.checkIsGoing()
            if console.size != seen {
                seen = console.size
                if let panic = diagnosis.panic {
                    state.fail(CaseFailure(.guestPanicked, panic, at: state.clock.now))
                }
            }
            do {
                try look()
            } catch QMPClient.Failure.silent where state.isFrozen {
                // Nothing can be expected of it.
            } catch {
                // What it has said before tells why.
                while let event = try? client.nextEvent(until: .now()) { take(event) }
                throw error
            }
            while let event = try client.nextEvent(until: .now().advanced(byMilliseconds: scenario.interval)) {
                take(event)
            }
        }
    }

    private func take(_ event: QMPEvent) {
        state.note(event: event.name)
        let description = event.data?["description"]?.string ?? ""
        switch event.name {
        case "X_SWIFTLET_MEMORY_VIOLATION" where scenario.invariants.hasNoViolations:
            fail("no-violation: the guest touched unplugged memory: \(description)", line: nil)
        case "X_SWIFTLET_GUEST_FAILED":
            guard !state.mayRestart else { return }
            state.fail(CaseFailure(.guestPanicked, "the guest has failed: \(description)", at: state.clock.now))
        case "RESET" where !state.mayRestart:
            let what = diagnosis.panic.map { (CaseFailure.Kind.guestPanicked, $0) } ?? Diagnosis.restart
            state.fail(CaseFailure(what.0, what.1, at: state.clock.now))
        case "SHUTDOWN" where !state.mayRestart:
            state.fail(CaseFailure(.guestRebooted, "the guest has ended without being told to", at: state.clock.now))
        default: break
        }
    }

    private func fail(_ message: String, line: Int?) {
        state.fail(CaseFailure(.invariant, message, line: line, at: state.clock.now))
    }

    private func look() throws {
        let figures = try MachineFigures(machine)
        try sample(figures)
        // What holds all along does so from the guest's first boot on, and while it runs.
        guard state.boots > 0, !state.mayRestart, !state.isFrozen else { return }
        checkSettling(figures)
        for condition in scenario.invariants.conditions where !condition.isGuests {
            try check(condition)
        }
    }

    private func sample(_ figures: MachineFigures) throws {
        let now = state.clock.now
        let guest = state.guest(since: now > GuestWatch.freshness ? now - GuestWatch.freshness : 0)
        let devices = scenario.devices.map { id in
            let device = figures.devices[id] ?? .init()
            return MemorySample.Device(requested: device.requested, plugged: device.plugged, usable: device.usable)
        }
        state.add(
            MemorySample(
                at: now, devices: devices, guestTotal: guest?.total, guestFree: guest?.free,
                resident: ResidentMemory.size(of: machine.number)))
    }

    /// What is plugged may lag behind a request for some time only.
    private func checkSettling(_ figures: MachineFigures) {
        guard let patience = scenario.invariants.settling, state.clock.now > state.lastResize + patience else { return }
        for id in scenario.devices {
            guard let device = figures.devices[id], device.plugged > device.requested else { continue }
            fail(
                "plugged-within-requested: \(id) has \(Metric.device(id, .plugged).text(Double(device.plugged))) plugged"
                    + " and \(Metric.device(id, .requested).text(Double(device.requested))) requested,"
                    + " \(state.clock.now - state.lastResize) ms after the last change of a requested size", line: nil)
        }
    }

    private func check(_ condition: Condition) throws {
        let values = try figures.values(of: condition.metrics, since: 0, within: FigureSource.patience)
        guard let value = values[condition.metric], condition.comparison.holds(value, { values[$0] }) == false else {
            return
        }
        fail(
            "invariant \(condition.expectation(values)): \(condition.metric) is \(condition.metric.text(value))",
            line: condition.line)
    }
}
