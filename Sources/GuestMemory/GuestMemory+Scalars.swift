/// Little-endian scalars. Each is read or written by one instruction, whatever the guest does meanwhile; an aligned
/// load is an acquire, an aligned store a release.
extension GuestMemory {
    public func loadUInt8(at address: GuestAddress) throws(GuestMemoryError) -> UInt8 {
        try slice(at: address, count: 1).loadUInt8(at: 0)
    }

    public func loadUInt16(at address: GuestAddress) throws(GuestMemoryError) -> UInt16 {
        try slice(at: address, count: 2).loadUInt16(at: 0)
    }

    public func loadUInt32(at address: GuestAddress) throws(GuestMemoryError) -> UInt32 {
        try slice(at: address, count: 4).loadUInt32(at: 0)
    }

    public func loadUInt64(at address: GuestAddress) throws(GuestMemoryError) -> UInt64 {
        try slice(at: address, count: 8).loadUInt64(at: 0)
    }

    public func store(_ value: UInt8, at address: GuestAddress) throws(GuestMemoryError) {
        try slice(at: address, count: 1).store(value, at: 0)
    }

    public func store(_ value: UInt16, at address: GuestAddress) throws(GuestMemoryError) {
        try slice(at: address, count: 2).store(value, at: 0)
    }

    public func store(_ value: UInt32, at address: GuestAddress) throws(GuestMemoryError) {
        try slice(at: address, count: 4).store(value, at: 0)
    }

    public func store(_ value: UInt64, at address: GuestAddress) throws(GuestMemoryError) {
        try slice(at: address, count: 8).store(value, at: 0)
    }
}
