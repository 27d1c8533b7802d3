import Host
import Synchronization
import Virtio

@testable import Devices

/// A kernel that serves queues by noting that it does.
final class FakeNetworkKernel: NetworkKernel {
    enum Event: Equatable {
        case features(UInt64)
        case start(Int, base: UInt16)
        case stop(Int)
    }

    let features: UInt64
    private let events = Mutex<[Event]>([])
    private let refusal = Mutex<SystemCallError?>(nil)

    init(features: UInt64 = VirtioFeature.version1 | VirtioFeature.eventIndex | 1 << 15) {
        self.features = features
    }

    func refuse(_ error: SystemCallError) { refusal.withLock { $0 = error } }

    func takeEvents() -> [Event] {
        events.withLock { list in
            defer { list = [] }
            return list
        }
    }

    func setFeatures(_ features: UInt64) { events.withLock { $0.append(.features(features)) } }

    func start(_ part: Int, _ setup: QueueSetup, base: UInt16) throws(SystemCallError) {
        if let error = refusal.withLock({ $0 }) { throw error }
        events.withLock { $0.append(.start(part, base: base)) }
    }

    func stop(_ part: Int) -> UInt16 {
        events.withLock { $0.append(.stop(part)) }
        return UInt16(100 + part)
    }
}
