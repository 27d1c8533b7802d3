/// Why a text is no report that this version reads.
public struct TestReportError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Where in the report, such as `cases[3].outcome`; empty for the report itself.
    public var path: String
    /// What is wrong there.
    public var problem: String

    public init(path: String, problem: String) {
        self.path = path
        self.problem = problem
    }

    public var description: String {
        path.isEmpty ? problem : "\(path): \(problem)"
    }
}
