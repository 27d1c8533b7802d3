import CLinux

/// A part of one region of guest memory, looked up once for many accesses, such as a virtqueue's ring.
///
/// Offsets are in bytes from its start and are checked. Little-endian scalars are read and written by exactly one
/// instruction; an aligned load is an acquire, an aligned store a release.
@safe public struct GuestMemorySlice: @unchecked Sendable {
    // Sendable: immutable; the memory behind it is accessed by shims only. Keeping `memory` keeps the pointer valid.

    private let memory: GuestMemory
    private let base: UnsafeMutableRawPointer
    /// Its first guest-physical address.
    public let start: GuestAddress
    /// Its size in bytes.
    public let count: UInt64

    init(memory: GuestMemory, start: GuestAddress, base: UnsafeMutableRawPointer, count: UInt64) {
        self.memory = memory
        self.start = start
        unsafe self.base = base
        self.count = count
    }

    public func loadUInt8(at offset: UInt64) throws(GuestMemoryError) -> UInt8 {
        UInt8(truncatingIfNeeded: try checked(unsafe cl_guarded_load_u8(pointer(to: offset, 1)), offset, 1))
    }

    public func loadUInt16(at offset: UInt64) throws(GuestMemoryError) -> UInt16 {
        UInt16(truncatingIfNeeded: try checked(unsafe cl_guarded_load_u16(pointer(to: offset, 2)), offset, 2))
    }

    public func loadUInt32(at offset: UInt64) throws(GuestMemoryError) -> UInt32 {
        UInt32(truncatingIfNeeded: try checked(unsafe cl_guarded_load_u32(pointer(to: offset, 4)), offset, 4))
    }

    public func loadUInt64(at offset: UInt64) throws(GuestMemoryError) -> UInt64 {
        try checked(unsafe cl_guarded_load_u64(pointer(to: offset, 8)), offset, 8)
    }

    /// Two scalars of 64 bits, one behind the other.
    public func loadPair(at offset: UInt64) throws(GuestMemoryError) -> (UInt64, UInt64) {
        let first = try unsafe pointer(to: offset, 16)
        let loads = unsafe (cl_guarded_load_u64(first), cl_guarded_load_u64(first + 8))
        guard loads.0.faulted | loads.1.faulted == 0 else {
            throw .inaccessible(GuestAddress(start.rawValue + offset), count: 16)
        }
        return (loads.0.value, loads.1.value)
    }

    public func store(_ value: UInt8, at offset: UInt64) throws(GuestMemoryError) {
        try check(unsafe cl_guarded_store_u8(pointer(to: offset, 1), value), offset, 1)
    }

    public func store(_ value: UInt16, at offset: UInt64) throws(GuestMemoryError) {
        try check(unsafe cl_guarded_store_u16(pointer(to: offset, 2), value), offset, 2)
    }

    public func store(_ value: UInt32, at offset: UInt64) throws(GuestMemoryError) {
        try check(unsafe cl_guarded_store_u32(pointer(to: offset, 4), value), offset, 4)
    }

    public func store(_ value: UInt64, at offset: UInt64) throws(GuestMemoryError) {
        try check(unsafe cl_guarded_store_u64(pointer(to: offset, 8), value), offset, 8)
    }

    private func pointer(to offset: UInt64, _ length: UInt64) throws(GuestMemoryError) -> UnsafeMutableRawPointer {
        let (end, overflow) = offset.addingReportingOverflow(length)
        guard !overflow, end <= count else {
            throw .unmapped(GuestAddress(start.rawValue &+ offset), count: length)
        }
        return unsafe base + Int(offset)
    }

    private func checked(_ load: cl_load, _ offset: UInt64, _ length: UInt64) throws(GuestMemoryError) -> UInt64 {
        guard load.faulted == 0 else {
            throw .inaccessible(GuestAddress(start.rawValue + offset), count: length)
        }
        return load.value
    }

    private func check(_ faulted: CInt, _ offset: UInt64, _ length: UInt64) throws(GuestMemoryError) {
        guard faulted == 0 else {
            throw .inaccessible(GuestAddress(start.rawValue + offset), count: length)
        }
    }
}

/// Makes every store before it visible to the guest before any load after it is done: what a device needs between
/// publishing a notification threshold and looking at the ring again (virtio specification, 2.7.10).
public func guestMemoryBarrier() {
    cl_full_barrier()
}
