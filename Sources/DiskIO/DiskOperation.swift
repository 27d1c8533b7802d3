/// What a disk is asked to do.
public enum DiskOperation: Sendable {
    case read
    /// - Parameter durable: whether it is on the disk, and not only in a cache, when it is done.
    case write(durable: Bool)
    /// What was written before gets out of all caches.
    case flush
    /// A range gives back what it takes; it reads as zeroes or as before.
    case discard
    /// A range reads as zeroes.
    ///
    /// - Parameter keepsRoom: whether the range goes on taking its room.
    case zero(keepsRoom: Bool)
}
