/// Whom a transport tells what somebody has to look after on the thread that serves its device. It may be told on any
/// thread, with the device locked: it must neither wait nor call the device.
public protocol QueueNotifier: Sendable {
    /// Makes somebody call `processQueue` soon.
    func notify(queue index: Int)

    /// The driver has come further by writing a register, was turned away, begins anew or broke a rule: see
    /// `DriverState`. Nothing by default.
    func driverChanged()
}

extension QueueNotifier {
    public func driverChanged() {}
}
