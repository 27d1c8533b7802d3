/// What became of a step.
public struct StepReport: Sendable, Equatable {
    public enum Outcome: String, Sendable, CaseIterable {
        case passed
        case failed
        /// The case had ended before.
        case skipped
        /// The case ended meanwhile, for another reason.
        case interrupted
    }

    /// Which it is, such as `3` or, within the third step, `3.1`.
    public var number: String
    /// What it does, in a few words.
    public var text: String
    /// Where it begins in the file.
    public var line: Int
    public var outcome: Outcome
    /// When it began, in milliseconds since the case's beginning, and how long it took.
    public var begun: UInt64
    public var milliseconds: UInt64
    /// What it has written or seen, as far as that is kept: a command's output, figures, sizes that were drawn.
    public var output: String

    public init(
        number: String, text: String, line: Int, outcome: Outcome = .passed, begun: UInt64 = 0,
        milliseconds: UInt64 = 0, output: String = ""
    ) {
        self.number = number
        self.text = text
        self.line = line
        self.outcome = outcome
        self.begun = begun
        self.milliseconds = milliseconds
        self.output = output
    }

    /// Without the ends of lines; one at the end begins no other.
    var outputLines: [String] {
        // What terminals end lines with, \r\n, is one character here.
        var lines = output.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map(String.init)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }
}
