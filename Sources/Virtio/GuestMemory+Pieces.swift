import GuestMemory

/// Access to up to 8 bytes that need no alignment and may lie in two regions of guest memory.
extension GuestMemory {
    func load(_ piece: GuestBuffer) throws(GuestMemoryError) -> UInt64 {
        if piece.count == 8 {
            do throws(GuestMemoryError) {
                return try loadUInt64(at: piece.address)
            } catch .unmapped {
                // It may lie in two regions.
            }
        }
        var value: UInt64 = 0
        for byte in 0..<piece.count {
            value |= UInt64(try loadUInt8(at: GuestAddress(piece.address.rawValue + byte))) << (8 * byte)
        }
        return value
    }

    /// Stores the low bytes of a value.
    func store(_ value: UInt64, to piece: GuestBuffer) throws(GuestMemoryError) {
        if piece.count == 8 {
            do throws(GuestMemoryError) {
                return try store(value, at: piece.address)
            } catch .unmapped {
                // It may lie in two regions.
            }
        }
        for byte in 0..<piece.count {
            try store(UInt8(truncatingIfNeeded: value >> (8 * byte)), at: GuestAddress(piece.address.rawValue + byte))
        }
    }
}
