/// Feature bits that belong to the queues and the transport, not to a device type (virtio specification, 6).
public enum VirtioFeature {
    /// VIRTIO_F_INDIRECT_DESC: descriptors may refer to tables of descriptors.
    public static let indirectDescriptors: UInt64 = 1 << 28
    /// VIRTIO_F_EVENT_IDX: each side tells the other at which index it wants to be notified.
    public static let eventIndex: UInt64 = 1 << 29
    /// VIRTIO_F_VERSION_1: the interface is that of the specification, not the legacy one.
    public static let version1: UInt64 = 1 << 32

    /// What the queues here work with: each device offers it beside its own features.
    public static let ofQueues = version1 | indirectDescriptors | eventIndex
}
