/// A range of guest-physical addresses that boot memory lies at.
public struct MemoryRange: Sendable, Equatable {
    /// The first guest-physical address.
    public var start: UInt64
    /// How many bytes.
    public var size: UInt64

    public init(start: UInt64, size: UInt64) {
        self.start = start
        self.size = size
    }

    /// One past the last address; nil where that is beyond the 64-bit address space.
    var end: UInt64? {
        let (end, overflow) = start.addingReportingOverflow(size)
        return overflow ? nil : end
    }
}

extension [MemoryRange] {
    /// The same memory in the order of addresses, with neighbours joined and empty ranges left out; what reaches
    /// beyond the 64-bit address space is cut there.
    func joined() -> [Range<UInt64>] {
        let sorted = filter { $0.size > 0 }.map { $0.start..<($0.end ?? .max) }.sorted { $0.lowerBound < $1.lowerBound }
        return sorted.reduce(into: []) { result, range in
            if let last = result.last, range.lowerBound <= last.upperBound {
                result[result.count - 1] = last.lowerBound..<Swift.max(last.upperBound, range.upperBound)
            } else {
                result.append(range)
            }
        }
    }
}
