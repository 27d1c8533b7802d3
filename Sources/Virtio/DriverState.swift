/// How a device and its driver stand with each other, as the status register tells it (virtio specification, 2.1).
public enum DriverState: Sendable, Equatable {
    /// No driver uses the device, though the guest may have found it (ACKNOWLEDGE).
    case absent
    /// A driver is negotiating features, or setting up queues.
    case starting
    /// The last driver wanted features that the device does not work with, or not those that it needs.
    case refused(features: UInt64)
    /// The driver gave up on the device.
    case failed
    case running(features: UInt64)
    /// The driver broke a rule of its queues: they are left alone until it resets the device.
    case needsReset(VirtqueueError)
}
