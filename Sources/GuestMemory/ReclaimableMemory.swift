import Host

/// What of a guest's memory can be given back while the guest has it.
public struct ReclaimableMemory: Sendable {
    /// In the order of their addresses.
    private let parts: [any ReclaimablePart]

    public init(_ parts: [any ReclaimablePart]) {
        self.parts = parts.sorted { $0.memory.start < $1.memory.start }
    }

    /// The part of a range that begins at its first address and lies in one region, in bytes, and the pages of that
    /// region's backing; nil where the first address is no guest memory.
    ///
    /// - Parameter count: bytes, not zero; their end does not overflow.
    public func extent(at address: UInt64, count: UInt64) -> (count: UInt64, pageSize: UInt64)? {
        guard let part = part(at: address) else { return nil }
        return (
            min(part.memory.addresses.upperBound, address + count) - address, part.memory.mapping.backing.pageSize
        )
    }

    /// Gives the whole pages of a range back to the host, as far as they are the guest's; the rest is left alone.
    ///
    /// - Throws: `SystemCallError` where the host did not take something; all else was offered to it, too.
    public func reclaim(_ addresses: Range<UInt64>) throws(SystemCallError) {
        var failure: SystemCallError?
        var next = addresses.lowerBound
        while next < addresses.upperBound, let part = partBehind(next) {
            let own = part.memory.addresses
            let range = addresses.clamped(to: own)
            next = own.upperBound
            guard !range.isEmpty else { continue }
            let page = part.memory.mapping.backing.pageSize
            let first = (range.lowerBound - own.lowerBound + page - 1) / page * page
            let end = (range.upperBound - own.lowerBound) / page * page
            guard first < end else { continue }
            do throws(SystemCallError) {
                try part.reclaim(first..<end)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    private func part(at address: UInt64) -> (any ReclaimablePart)? {
        guard let part = partBehind(address), part.memory.addresses.contains(address) else { return nil }
        return part
    }

    /// The first region that ends behind an address.
    private func partBehind(_ address: UInt64) -> (any ReclaimablePart)? {
        parts.first { $0.memory.addresses.upperBound > address }
    }
}
