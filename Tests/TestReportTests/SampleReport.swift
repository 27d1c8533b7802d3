import TestSupport

@testable import TestReport

/// Reports to try the forms of reports with.
enum SampleReport {
    static let host = TestHost(isEmulated: false, kernel: "6.12.30", processor: "A Processor @ 2.70GHz")

    static func report(_ cases: [CaseReport], host: TestHost = host) -> TestReport {
        TestReport(
            version: "1.2", host: host, started: 1_796_020_500_123_000, milliseconds: 65_432, seed: 42, cases: cases)
    }

    static func failed(
        _ kind: CaseFailure.Kind = .timeout, _ message: String = "vm0 is not at 4G", line: Int? = 12, at: UInt64 = 900
    ) -> CaseOutcome {
        .failed(CaseFailure(kind, message, line: line, at: at))
    }

    /// A case with some of everything.
    static func testCase(
        _ scenario: String = "grow", matrix: [CaseReport.Setting] = [], outcome: CaseOutcome = .passed
    ) -> CaseReport {
        let last: StepReport.Outcome = if case .failed = outcome { .failed } else { .passed }
        return CaseReport(
            scenario: scenario, about: "It grows.", file: "scenarios/\(scenario).yaml", matrix: matrix, seed: 7,
            outcome: outcome, begun: 1500, milliseconds: 1000,
            steps: [
                StepReport(number: "1", text: "boot", line: 3, milliseconds: 400, output: "one <line>\r\nanother\n"),
                StepReport(
                    number: "2", text: "resize vm0 to 4G", line: 12, outcome: last, begun: 400, milliseconds: 500),
            ],
            measurements: [
                .init("resize", 3.25, .seconds), .init("resident", 4e9, .bytes), .init("retries", 3, .count),
            ],
            devices: ["vm0"],
            samples: (0..<10).map { sample(at: $0 * 100, size: $0 << 20) },
            kernelLog: ["virtio_mem virtio1: plugged"], console: ["login:"])
    }

    static func sample(at: UInt64, size: UInt64, devices: Int = 1, hasGuest: Bool = true) -> MemorySample {
        MemorySample(
            at: at, devices: (0..<devices).map { _ in .init(requested: 1 << 32, plugged: size, usable: 1 << 33) },
            guestTotal: hasGuest ? size + 1 << 30 : nil, guestFree: hasGuest ? size : nil, resident: 1 << 28)
    }
}

// MARK: Random reports

extension SampleReport {
    /// Texts that mean something to one form of report or another, or are forbidden there.
    static let hostileTexts = [
        "<script>alert(1)</script>", "\"quoted\" 'and' &amp; ]]> --> <!-- \\", "\u{1B}[31m\u{0}\u{7}\u{7F}\u{85}\u{9B}",
        "\u{FFFE}\u{FFFF}\u{1FFFE}" + String(decoding: [0xFDD0 as UInt16], as: UTF16.self), "a\r\nb\tc\nd\re",
        "ok 1 - no # SKIP # TODO", "\u{202E}\u{2066}\u{2028}",
        "  ---\n  ...\n1..0\nBail out!", "</pre></details></style>", "e\u{301}\u{1F469}\u{200D}\u{1F680}", "",
    ]

    static func text(_ random: inout SeededGenerator) -> String {
        random.chance(2) ? "word \(random.next() % 10)" : hostileTexts.randomElement(using: &random) ?? ""
    }

    static func number(_ random: inout SeededGenerator) -> UInt64 {
        random.next() >> UInt64.random(in: 0...63, using: &random)
    }

    static func list<Element>(
        _ random: inout SeededGenerator, _ element: (inout SeededGenerator) -> Element
    ) -> [Element] {
        (0..<Int.random(in: 0...4, using: &random)).map { _ in element(&random) }
    }

    static func optional<Value>(_ random: inout SeededGenerator, _ value: Value) -> Value? {
        random.chance(3) ? nil : value
    }

    static func random(_ random: inout SeededGenerator) -> TestReport {
        TestReport(
            version: text(&random),
            host: TestHost(isEmulated: random.chance(2), kernel: text(&random), processor: text(&random)),
            started: number(&random), milliseconds: number(&random), seed: random.next(),
            cases: list(&random, testCase))
    }

    private static func outcome(_ random: inout SeededGenerator) -> CaseOutcome {
        switch random.next() % 3 {
        case 0: return .passed
        case 1: return .skipped(text(&random))
        default: return .failed(failure(&random))
        }
    }

    private static func failure(_ random: inout SeededGenerator) -> CaseFailure {
        let kind = CaseFailure.Kind.allCases.randomElement(using: &random) ?? .check
        let line = optional(&random, Int(number(&random) >> 1))
        return CaseFailure(kind, text(&random), line: line, at: number(&random))
    }

    private static func measurement(_ random: inout SeededGenerator) -> CaseReport.Measurement {
        let values: [Double] = [
            0, -0.0, 1, 0.1, 1e300, -.leastNonzeroMagnitude, .infinity, -.infinity, Double(number(&random)), 1 / 3,
        ]
        return .init(
            text(&random), values.randomElement(using: &random) ?? 0,
            CaseReport.Measurement.Unit.allCases.randomElement(using: &random) ?? .count)
    }

    private static func testCase(_ random: inout SeededGenerator) -> CaseReport {
        let devices = list(&random, text)
        return CaseReport(
            scenario: text(&random), about: text(&random), file: text(&random),
            matrix: list(&random) { .init(text(&$0), text(&$0)) }, seed: random.next(), outcome: outcome(&random),
            foreseen: optional(&random, failure(&random)),
            begun: number(&random), milliseconds: number(&random),
            steps: list(&random) {
                StepReport(
                    number: $0.chance(3) ? text(&$0) : "\(number(&$0)).1", text: text(&$0), line: Int(number(&$0) >> 1),
                    outcome: StepReport.Outcome.allCases.randomElement(using: &$0) ?? .passed, begun: number(&$0),
                    milliseconds: number(&$0), output: text(&$0))
            },
            measurements: list(&random, measurement), devices: devices,
            samples: list(&random) { random in
                let isSilent = random.chance(3)
                return MemorySample(
                    at: number(&random),
                    devices: isSilent
                        ? []
                        : devices.map { _ in
                            .init(requested: number(&random), plugged: number(&random), usable: number(&random))
                        },
                    guestTotal: optional(&random, number(&random)), guestFree: optional(&random, number(&random)),
                    resident: optional(&random, number(&random)))
            },
            kernelLog: list(&random, text), console: list(&random, text))
    }
}
