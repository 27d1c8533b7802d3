/// How a transport asks that a queue be processed on the thread that does so.
public protocol QueueNotifier: Sendable {
    /// Makes somebody call `processQueue` soon. It may be called on any thread, with the device locked: it must neither
    /// wait nor call the device.
    func notify(queue index: Int)
}
