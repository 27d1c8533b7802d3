/// An edge-triggered interrupt line, as a device sees it.
///
/// Implementations neither block nor call back into the device: pulses are sent while the device's state is locked.
public protocol InterruptLine: Sendable {
    /// Sends one edge.
    func pulse()
}
