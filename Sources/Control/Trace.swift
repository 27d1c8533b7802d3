/// What a number was at the last moments that somebody looked.
public struct Trace: Sendable, Equatable {
    /// How many moments are kept: a minute, where somebody looks once a second.
    public static let length = 60

    /// The newest last; nil where the number could not be had.
    public private(set) var values: [UInt64?] = []

    public init() {}

    public var latest: UInt64? { values.last ?? nil }

    /// The largest that is kept.
    public var most: UInt64 { values.lazy.compactMap { $0 }.max() ?? 0 }

    public mutating func append(_ value: UInt64?) {
        if values.count == Self.length { values.removeFirst() }
        values.append(value)
    }
}
