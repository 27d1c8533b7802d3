import Scenario

extension Condition {
    /// All figures that it is about.
    var metrics: [Metric] { [metric] + comparison.metrics }

    /// What is expected, with what sums of figures are now, such as `guest.MemTotal == before + 300M (1324M)`.
    func expectation(_ values: [Metric: Double]) -> String {
        let sums = comparison.values { values[$0] }
        guard !sums.isEmpty else { return text }
        return "\(text) (\(sums.map { metric.text($0) }.joined(separator: " .. ")))"
    }

    /// Whether the guest has to be asked.
    var isGuests: Bool { metrics.contains(where: \.isGuests) }
}
