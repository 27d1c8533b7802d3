import Scenario

extension Condition {
    /// All figures that it is about.
    var metrics: [Metric] { [metric] + comparison.metrics }
    /// Whether the guest has to be asked.
    var isGuests: Bool { metrics.contains(where: \.isGuests) }
}
