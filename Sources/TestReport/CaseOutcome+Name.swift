extension CaseOutcome {
    /// An outcome without what else is to be said about it.
    public enum Name: String, Sendable, CaseIterable {
        case passed
        case failed
        case skipped
    }

    public var name: Name {
        switch self {
        case .passed: .passed
        case .failed: .failed
        case .skipped: .skipped
        }
    }
}
