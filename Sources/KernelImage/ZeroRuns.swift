/// Long runs of zeroes in a file, found while it is written: a loader does not touch guest memory for them.
struct ZeroRuns: Sendable, Equatable {
    /// Bytes of the shortest that counts: each makes one more segment, and memory comes in huge pages. The longest of
    /// Linux, what it clears before it uses it, has eleven of these.
    static let shortest: UInt64 = 1 << 20
    /// How many are found at most.
    static let most = 32
    /// Runs begin and end with pages.
    private static let pageSize: UInt64 = 4096

    /// As offsets in the file, in order.
    private(set) var ranges: [Range<UInt64>] = []
    /// Bytes that were looked at.
    private var position: UInt64 = 0
    /// Since which offset all bytes were zero.
    private var start: UInt64 = 0

    /// Looks at the bytes behind those that it has seen.
    mutating func look(at bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while !rest.isEmpty {
            let page = rest.prefix(Int(Self.pageSize - position % Self.pageSize))
            if !page.allSatisfy({ $0 == 0 }) {
                end()
                start = position + UInt64(page.count)
            }
            position += UInt64(page.count)
            rest = rest.dropFirst(page.count)
        }
    }

    /// Ends the run that goes on to here.
    mutating func end() {
        let first = (start + Self.pageSize - 1) / Self.pageSize * Self.pageSize
        let end = position / Self.pageSize * Self.pageSize
        if first + Self.shortest <= end, ranges.count < Self.most {
            ranges.append(first..<end)
        }
        start = position
    }
}
