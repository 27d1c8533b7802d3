import Host
import Virtio

/// Warnings about a device, one a second at most: a guest can cause as many as it likes. It belongs to the event loop's
/// thread.
struct DeviceWarnings {
    private let device: String
    private let events: @Sendable (MachineEvent) -> Void
    private var next = MonotonicInstant(nanoseconds: 0)

    private static let interval: UInt64 = 1_000

    /// - Parameter device: how the warnings name it.
    init(about device: String, events: @escaping @Sendable (MachineEvent) -> Void) {
        self.device = device
        self.events = events
    }

    mutating func warn(_ text: String) {
        let now = MonotonicInstant.now()
        if now >= next {
            next = now.advanced(byMilliseconds: Self.interval)
            events(.warning("\(device): \(text)"))
        }
    }

    /// Tells what a driver did wrong with its queues, if anything.
    mutating func warn(_ failure: VirtqueueError?) {
        if let failure {
            warn("the guest's driver broke a rule, and its device needs a reset: \(failure)")
        }
    }
}
