import Host
import Virtio

/// Warnings about a device, one a second at most: a guest can cause as many as it likes. A few that come sooner have to
/// wait for their turn. It belongs to the event loop's thread.
final class DeviceWarnings {
    private let device: String
    private let loop: EventLoop
    private let events: @Sendable (MachineEvent) -> Void
    private var next = MonotonicInstant(nanoseconds: 0)
    private var waiting: [String] = []

    private static let interval: UInt64 = 1_000
    private static let mostWaiting = 8

    /// - Parameter device: how the warnings name it.
    init(about device: String, loop: EventLoop, events: @escaping @Sendable (MachineEvent) -> Void) {
        self.device = device
        self.loop = loop
        self.events = events
    }

    func warn(_ text: String) {
        guard waiting.isEmpty, MonotonicInstant.now() >= next else { return wait(text) }
        tell(text)
    }

    private func tell(_ text: String) {
        next = .now().advanced(byMilliseconds: Self.interval)
        events(.warning("\(device): \(text)"))
    }

    private func wait(_ text: String) {
        guard waiting.count < Self.mostWaiting, !waiting.contains(text) else { return }
        waiting.append(text)
        if waiting.count == 1 { setTimer() }
    }

    private func setTimer() {
        loop.schedule(afterMilliseconds: MonotonicInstant.now().milliseconds(until: next)) { [weak self] in
            guard let self else { return }
            tell(waiting[0])
            waiting.removeFirst()
            if !waiting.isEmpty { setTimer() }
        }
    }

    /// Tells what a driver did wrong with its queues, if anything.
    func warn(_ failure: VirtqueueError?) {
        if let failure {
            warn("the guest's driver broke a rule, and its device needs a reset: \(failure)")
        }
    }
}
