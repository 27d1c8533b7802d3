/// The state of a range of memory blocks (virtio specification, 5.15.6.6).
public enum VirtioMemBlockState: UInt16, Sendable {
    case plugged = 0
    case unplugged = 1
    /// Some are plugged and some are not.
    case mixed = 2
}
