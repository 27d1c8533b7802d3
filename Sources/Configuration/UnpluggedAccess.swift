/// Whether a driver may rely on reading unplugged memory (virtio specification 5.15.3, VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE).
public enum UnpluggedAccess: String, Sendable, CaseIterable {
    /// It may not: a driver that does not promise to keep away, such as Linux before 5.16, is refused.
    case on
    /// A driver that does not promise it can read unplugged blocks of the usable region, as zeroes; never write them.
    case auto
}
