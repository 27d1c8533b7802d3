/// How a device interrupts its guest.
public protocol InterruptLine: Sendable {
    /// Raises the interrupt once (an edge). It may be called on any thread, with the device locked: it must neither
    /// wait for the guest nor call the device.
    func pulse()
}
