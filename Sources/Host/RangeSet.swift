/// A set of numbers as ranges: in order, apart from each other, none of them empty.
struct RangeSet: Sendable, Equatable {
    private(set) var ranges: [Range<UInt64>] = []

    var isEmpty: Bool { ranges.isEmpty }

    /// The parts of a range that are in the set.
    func intersection(_ range: Range<UInt64>) -> [Range<UInt64>] {
        ranges[touching(range)].map { $0.clamped(to: range) }.filter { !$0.isEmpty }
    }

    mutating func insert(_ range: Range<UInt64>) {
        guard !range.isEmpty else { return }
        let touched = touching(range)
        var joined = range
        for other in ranges[touched] {
            joined = min(joined.lowerBound, other.lowerBound)..<max(joined.upperBound, other.upperBound)
        }
        ranges.replaceSubrange(touched, with: [joined])
    }

    mutating func remove(_ range: Range<UInt64>) {
        guard !range.isEmpty else { return }
        let touched = touching(range)
        let left = ranges[touched].flatMap { other in
            [
                other.lowerBound..<max(other.lowerBound, min(other.upperBound, range.lowerBound)),
                min(other.upperBound, max(other.lowerBound, range.upperBound))..<other.upperBound,
            ].filter { !$0.isEmpty }
        }
        ranges.replaceSubrange(touched, with: left)
    }

    /// Indices of the ranges that overlap a range or are right beside it.
    private func touching(_ range: Range<UInt64>) -> Range<Int> {
        let first = firstIndex { $0.upperBound >= range.lowerBound }
        let end = firstIndex { $0.lowerBound > range.upperBound }
        return first..<max(first, end)
    }

    /// Where a condition that holds from some range on begins to hold.
    private func firstIndex(where condition: (Range<UInt64>) -> Bool) -> Int {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if condition(ranges[middle]) {
                high = middle
            } else {
                low = middle + 1
            }
        }
        return low
    }
}
