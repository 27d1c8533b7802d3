/// What holds all along.
public struct Invariants: Sendable {
    /// What programs keep in memory stays as it is.
    public var keepsData = true
    /// The guest touches no unplugged memory.
    public var hasNoViolations = true
    /// Milliseconds after which no device has more plugged than is requested, counted from the last change of its requested
    /// size; nil where it may have.
    public var settling: UInt64?
    public var conditions: [Condition] = []
}
