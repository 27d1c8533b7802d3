/// How a case ended.
public enum CaseOutcome: Sendable, Equatable {
    case passed
    /// With the reason.
    case skipped(String)
    case failed(CaseFailure)

    /// Whether a run that goes on has to run the case again: it was not run, or it was interrupted.
    public var isToBeRun: Bool {
        switch self {
        case .passed: false
        case .skipped: true
        case .failed(let failure): failure.isInterruption
        }
    }
}
