import Host

/// The host calls by which the memory of a region comes and goes: those of its mapping, or a test's.
///
/// Ranges are offsets in bytes from the region's start, multiples of the page size (of the backing's, where it has a
/// larger one). A call that fails may have done a part of what it was asked.
public protocol HostMemory: AnyObject, Sendable {
    /// Changes what may be done with a part.
    func protect(_ range: Range<UInt64>, _ protection: MemoryMapping.Protection) throws(SystemCallError)

    /// Gives the memory of a part back to the host; it reads as zero afterwards.
    func discard(_ range: Range<UInt64>) throws(SystemCallError)

    /// Takes memory from the host for all of an accessible part.
    func populate(_ range: Range<UInt64>) throws(SystemCallError)

    /// The protection that the host has for a part, in runs by address; neighbours differ. For checks.
    func protections(of range: Range<UInt64>) throws(SystemCallError) -> [MemoryMapping.ProtectionRun]

    /// Bytes of a part that the host has memory for. For checks.
    func residentSize(of range: Range<UInt64>) throws(SystemCallError) -> UInt64
}

extension GuestMemoryRegion: HostMemory {
    public func protect(_ range: Range<UInt64>, _ protection: MemoryMapping.Protection) throws(SystemCallError) {
        try mapping.protect(range, protection)
    }

    public func discard(_ range: Range<UInt64>) throws(SystemCallError) {
        try mapping.discard(range)
    }

    public func populate(_ range: Range<UInt64>) throws(SystemCallError) {
        try mapping.populate(range)
    }

    public func protections(of range: Range<UInt64>) throws(SystemCallError) -> [MemoryMapping.ProtectionRun] {
        try mapping.protections(of: range)
    }

    public func residentSize(of range: Range<UInt64>) throws(SystemCallError) -> UInt64 {
        try mapping.residentSize(of: range)
    }
}
