import GuestMemory

/// Why a requested size can't be.
public enum VirtioMemError: Error, Sendable, Equatable {
    /// Not a multiple of the block size; both in bytes.
    case unaligned(requested: UInt64, blockSize: UInt64)
    /// More than the region has; both in bytes.
    case tooLarge(requested: UInt64, region: UInt64)
    /// The driver may read unplugged memory, and the host can't let it read what would become usable.
    case unreadable(ElasticRegionError)
}
