import Configuration
import Glibc
import Host
import ScenarioRunner
import SystemPackage
import TestReport

/// What a person sees of a run of scenarios. On a terminal the last line tells what goes on.
final class TestProgress: Sendable {
    private let isTerminal = isatty(1) != 0

    func take(_ progress: SuiteRunner.Progress) {
        switch progress {
        case .begins(let item, let number, let count):
            show((isTerminal ? Self.erasing : "") + "[\(number)/\(count)] \(item.title)\n")
        case .goesOn(.boots): live("boots")
        case .goesOn(.step(let step)): live("\(step.number) \(step.text)")
        case .ends(let report): end(report)
        }
    }

    /// Goes to the line's beginning, and erases it (ECMA-48).
    private static let erasing = "\r\u{1B}[K"

    private func live(_ text: String) {
        guard isTerminal else { return }
        let width = Int(TerminalSize(of: .standardOutput).columns)
        show(Self.erasing + String("      " + text.printableLine).prefix(max(width - 1, 1)))
    }

    private func end(_ report: CaseReport) {
        if isTerminal { show(Self.erasing) }
        let time = "\(Self.seconds(report.milliseconds))"
        switch report.outcome {
        case .passed: show("      passed in \(time)\n")
        case .skipped(let reason): show("      skipped: \(reason)\n")
        case .failed(let failure):
            let place = report.file + (failure.line.map { ":\($0)" } ?? "")
            show(
                "      FAILED after \(time), \(failure.kind.rawValue): \(place): \(failure.message.printableLine)"
                    + " (at \(Self.seconds(failure.at)))\n")
        }
    }

    private static func seconds(_ milliseconds: UInt64) -> String {
        "\(milliseconds / 1000).\(milliseconds / 100 % 10) s"
    }

    func summarize(_ report: TestReport, _ directory: FilePath, isInterrupted: Bool) {
        let counts = [(report.passedCount, "passed"), (report.failedCount, "failed"), (report.skippedCount, "skipped")]
        show(
            counts.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
                + " in \(Self.seconds(report.milliseconds)), seed \(report.seed); see \(directory.appending("index.html"))\n"
        )
        if isInterrupted {
            show("interrupted; to go on: the same command with --resume, and without --seed\n")
        } else if report.failedCount > 0 {
            show("again: swiftlet test --rerun \(directory.appending("report.json"))\n")
        }
    }
}
