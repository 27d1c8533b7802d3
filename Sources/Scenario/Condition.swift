/// That a figure of the machine is as it should be.
public struct Condition: Sendable, Equatable {
    public var metric: Metric
    public var comparison: Comparison
    /// Where it is stated.
    public var line: Int

    public var text: String { "\(metric) \(comparison)" }
}
