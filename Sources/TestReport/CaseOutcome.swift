/// How a case ended.
public enum CaseOutcome: Sendable, Equatable {
    case passed
    /// With the reason.
    case skipped(String)
    case failed(CaseFailure)
}
