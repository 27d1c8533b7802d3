/// Feature bits of the memory device (virtio specification, 5.15.3).
///
/// VIRTIO_MEM_F_PERSISTENT_SUSPEND (2) is missing: no machine here can suspend.
public enum VirtioMemFeature {
    /// VIRTIO_MEM_F_ACPI_PXM: `node_id` of the configuration is valid, and an ACPI proximity domain.
    public static let acpiProximityDomain: UInt64 = 1 << 0
    /// VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE: the driver may not access unplugged memory, not even to read it.
    public static let unpluggedInaccessible: UInt64 = 1 << 1
}
