/// A guest-physical address.
public struct GuestAddress: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let rawValue: UInt64

    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The address `offset` bytes further; nil where that is beyond the 64-bit address space.
    public func advanced(by offset: UInt64) -> GuestAddress? {
        let (sum, overflow) = rawValue.addingReportingOverflow(offset)
        return overflow ? nil : GuestAddress(sum)
    }

    public static func < (left: GuestAddress, right: GuestAddress) -> Bool {
        left.rawValue < right.rawValue
    }

    /// As `0x…`, lower case.
    public var description: String {
        "0x" + String(rawValue, radix: 16)
    }
}
