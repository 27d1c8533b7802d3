import Glibc
import Host
import Synchronization
import TestReport

/// What the threads of a case share: how far it is, and what was found.
final class CaseState: Sendable {
    /// Thrown where a case is over, by whoever is still at work on it.
    struct Over: Error {}

    private struct Values {
        var failure: CaseFailure?
        var isEnding = false
        var areStepsFinished = false
        var steps: [StepReport] = []
        /// Bytes that steps' outputs have.
        var outputSize = 0
        var measurements: [CaseReport.Measurement] = []
        var samples: [MemorySample] = []
        var events: [String: UInt64] = [:]
        var kept: [String: Double] = [:]
        /// Milliseconds that the step took that ended last.
        var lastDuration: UInt64 = 0
        /// When a requested size was last changed.
        var lastResize: UInt64 = 0
        var boots: UInt64 = 0
        /// Bytes of the console that belong to boots that steps have ended.
        var consoleStart: UInt64 = 0
        /// What the guest has said of its memory last, and when.
        var guest: (total: UInt64, free: UInt64, at: UInt64)?
        /// Steps that keep the machine's process from running.
        var freezes = 0
        /// Steps during which the guest may start anew or end.
        var restartsUnderWay = 0
        /// Resets that steps have led to.
        var expectedResets: UInt64 = 0
    }

    let clock = CaseClock()
    private let values = Mutex(Values())

    // MARK: The end

    /// Notes why the case failed: the first reason counts.
    func fail(_ failure: CaseFailure) { _ = claim(failure) }

    /// The same.
    ///
    /// - Returns: whether it was the first.
    func claim(_ failure: CaseFailure) -> Bool {
        var failure = failure
        // A guest may have said a great deal.
        failure.message = String(failure.message.prefix(Self.messageLimit))
        return values.withLock { [failure] values in
            guard values.failure == nil, !values.isEnding else { return false }
            values.failure = failure
            return true
        }
    }

    /// From now on the scenario takes no longer.
    func finishSteps() { values.withLock { $0.areStepsFinished = true } }

    /// Whether all steps have been done, or the case is over.
    var areStepsOver: Bool { values.withLock { $0.areStepsFinished || $0.failure != nil || $0.isEnding } }

    /// From now on nothing is a failure: the machine is ended.
    func beginEnd() { values.withLock { $0.isEnding = true } }

    /// Whether the case has failed, or its machine is ended.
    var isOver: Bool { values.withLock { $0.failure != nil || $0.isEnding } }

    var failure: CaseFailure? { values.withLock { $0.failure } }

    /// - Throws: `Over` where the case has failed.
    func checkIsGoing() throws(Over) {
        if isOver { throw Over() }
    }

    /// Waits.
    ///
    /// - Throws: `Over` as soon as the case has failed.
    func pause(_ milliseconds: UInt64) throws(Over) {
        let end = clock.now + milliseconds
        while true {
            try checkIsGoing()
            let now = clock.now
            guard now < end else { return }
            usleep(UInt32(min(end - now, Self.interval)) * 1000)
        }
    }

    private static let interval: UInt64 = 100
    private static let messageLimit = 4000
    private static let outputLimit = 1 << 18

    // MARK: Steps and figures

    func begin(_ step: StepReport) {
        values.withLock { $0.steps.append(step) }
    }

    func end(_ number: String, _ outcome: StepReport.Outcome) {
        let now = clock.now
        values.withLock { values in
            guard let index = values.steps.lastIndex(where: { $0.number == number }) else { return }
            values.steps[index].outcome = outcome
            values.steps[index].milliseconds = now - values.steps[index].begun
            values.lastDuration = values.steps[index].milliseconds
        }
    }

    /// Keeps the end of what a step has written or seen, instead of what is kept of it, unless the case has a great deal already.
    func note(output: String, of number: String) {
        let kept = String(output.suffix(Self.messageLimit))
        values.withLock { values in
            guard let index = values.steps.lastIndex(where: { $0.number == number }) else { return }
            let size = values.outputSize - values.steps[index].output.utf8.count + kept.utf8.count
            guard size <= Self.outputLimit else { return }
            values.outputSize = size
            values.steps[index].output = kept
        }
    }

    /// Whether a step within another has failed.
    func hasFailedStep(within number: String) -> Bool {
        values.withLock { values in
            values.steps.contains { $0.outcome == .failed && $0.number.hasPrefix(number + ".") }
        }
    }

    /// Milliseconds that the step took that ended last.
    var lastDuration: UInt64 { values.withLock { $0.lastDuration } }

    func measure(_ measurement: CaseReport.Measurement) {
        values.withLock { values in
            values.measurements.removeAll { $0.name == measurement.name }
            values.measurements.append(measurement)
        }
    }

    func keep(_ name: String, _ value: Double) { values.withLock { $0.kept[name] = value } }
    func kept(_ name: String) -> Double? { values.withLock { $0.kept[name] } }

    func noteResize() {
        let now = clock.now
        values.withLock { $0.lastResize = now }
    }

    /// Milliseconds since the case's beginning.
    var lastResize: UInt64 { values.withLock { $0.lastResize } }

    func add(_ sample: MemorySample) { values.withLock { $0.samples.append(sample) } }

    // MARK: The machine

    func note(event name: String) {
        values.withLock { values in
            values.events[name, default: 0] += 1
            if name == "RESET", values.restartsUnderWay > 0 { values.expectedResets += 1 }
        }
    }

    func count(ofEvent name: String) -> UInt64 { values.withLock { $0.events[name, default: 0] } }

    func noteBoot() { values.withLock { $0.boots += 1 } }
    var boots: UInt64 { values.withLock { $0.boots } }

    /// Resets that steps have led to.
    var expectedResets: UInt64 { values.withLock { $0.expectedResets } }

    func beginRestart() { values.withLock { $0.restartsUnderWay += 1 } }

    /// - Parameter console: how many bytes the console has.
    func endRestart(console: UInt64) {
        values.withLock { values in
            values.restartsUnderWay -= 1
            values.consoleStart = console
        }
    }

    func beginFreeze() { values.withLock { $0.freezes += 1 } }
    func endFreeze() { values.withLock { $0.freezes -= 1 } }
    /// Whether nothing is to be expected of the machine's process.
    var isFrozen: Bool { values.withLock { $0.freezes > 0 } }
    var isEnding: Bool { values.withLock { $0.isEnding } }

    var consoleStart: UInt64 { values.withLock { $0.consoleStart } }

    func noteGuest(total: UInt64, free: UInt64) {
        let now = clock.now
        values.withLock { $0.guest = (total, free, now) }
    }

    /// What the guest has said of its memory, since a time.
    func guest(since time: UInt64) -> (total: UInt64, free: UInt64)? {
        values.withLock { values in
            values.guest.flatMap { $0.at >= time ? ($0.total, $0.free) : nil }
        }
    }

    var mayRestart: Bool { values.withLock { $0.restartsUnderWay > 0 || $0.isEnding } }

    /// Fills in what was found.
    func complete(_ report: inout CaseReport) {
        values.withLock { values in
            report.steps = values.steps
            report.measurements = values.measurements
            report.samples = values.samples
            report.outcome = values.failure.map { .failed($0) } ?? .passed
        }
        report.milliseconds = clock.now
    }
}

/// Waits for a moment.
func pauseBriefly() { usleep(100_000) }
