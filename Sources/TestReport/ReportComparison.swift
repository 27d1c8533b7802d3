/// What has become of a run's results since an earlier one.
///
/// Cases are the same that have the same scenario and choices of the matrix. Where one was run several times, the share
/// of its runs that passed is compared, and the medians of its times and figures. Times are those of runs and steps that
/// passed, and count as changed when they differ by more than the threshold and by more than a second. Figures that a
/// scenario measured count as changed when they differ by more than the threshold, and those in bytes by more than 2 MiB,
/// those in seconds by more than 10 ms. More bytes and seconds are worse, but for figures whose name begins with
/// `returned`; of a count, nobody knows.
///
/// Where one of the hosts was emulated and the other was not, times are not compared.
public struct ReportComparison: Sendable {
    /// One difference.
    public struct Finding: Sendable, Equatable {
        /// In the order in which they are told.
        public enum Kind: Sendable, CaseIterable {
            case lessSuccessful
            case worseMeasurement
            case slower
            case stillFailing
            case noLongerRun
            case missing
            case new
            case changedMeasurement
            case moreSuccessful
            case betterMeasurement
            case faster
            /// Of all cases of a scenario together, where cases were repeated.
            case successRate

            /// Whether it is a reason to say that the later run is worse.
            public var isWorse: Bool {
                self == .lessSuccessful || self == .worseMeasurement || self == .slower
            }
        }

        public var kind: Kind
        /// The case's title, or the scenario's name.
        public var subject: String
        /// Which measurement or step of it; empty for the whole.
        public var part: String
        /// How it was, and how it is, for people; empty where it was not there.
        public var before: String
        public var after: String
        /// The change for people, or a failure's message.
        public var note: String
        /// How much it is, to tell the most first.
        var weight: Double
    }

    /// The smallest differences that count, whatever the share.
    static let leastBytes = 2.0 * 1024 * 1024
    static let leastSeconds = 0.01
    static let leastDuration = 1.0

    let before: TestReport
    let after: TestReport
    /// Which share of a time or figure its change must exceed: 0.2 for 20 %.
    public let threshold: Double
    /// Those of a kind together, the most important first.
    public let findings: [Finding]

    public init(before: TestReport, after: TestReport, threshold: Double = 0.2) {
        self.before = before
        self.after = after
        self.threshold = threshold
        let comparer = CaseComparer(
            threshold: threshold, comparesTimes: before.host.isEmulated == after.host.isEmulated)
        let findings = comparer.findings(before: before.cases, after: after.cases)
        // Findings of the same weight stay in the order of the cases.
        self.findings = Finding.Kind.allCases.flatMap { kind in
            findings.filter { $0.kind == kind }.enumerated().sorted {
                ($1.element.weight, $0.offset) < ($0.element.weight, $1.offset)
            }.map(\.element)
        }
    }

    /// Whether a case is less successful, or slower, or a figure worse: new failures of cases that were not run before,
    /// and cases that are missing, are told and do not count.
    public var isWorse: Bool {
        findings.contains { $0.kind.isWorse }
    }

    /// Whether more is better of what a scenario measured: the name begins with `returned`, such as `returned to host`.
    static func isBetterWhenLarger(_ name: String) -> Bool {
        name.lowercased().hasPrefix("returned")
    }
}
