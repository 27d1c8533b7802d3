/// How often something took how long, in classes.
public struct LatencyHistogram: Sendable, Equatable {
    /// Nanoseconds at which the classes end, ascending; the last class has no end.
    public let bounds: [UInt64]
    /// How many are in each class, one more than there are bounds.
    public private(set) var counts: [UInt64]
    /// Nanoseconds of all together.
    public private(set) var sum: UInt64 = 0

    public init(bounds: [UInt64]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    /// Takes note of one.
    public mutating func note(nanoseconds: UInt64) {
        let index = bounds.firstIndex { nanoseconds <= $0 } ?? bounds.count
        counts[index] &+= 1
        sum &+= nanoseconds
    }
}
