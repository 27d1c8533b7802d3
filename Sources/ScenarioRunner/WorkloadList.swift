import Synchronization

/// The workloads that run in a guest.
final class WorkloadList: Sendable {
    private let list = Mutex<[RunningWorkload]>([])

    func add(_ workload: RunningWorkload) { list.withLock { $0.append(workload) } }

    /// The one of that name; steps that name others are refused before.
    func workload(_ name: String) -> RunningWorkload? { list.withLock { $0.first { $0.name == name } } }

    func remove(_ name: String) { list.withLock { $0.removeAll { $0.name == name } } }

    /// They are gone with the guest that they ran in.
    func removeAll() { list.withLock { $0.removeAll() } }

    /// Those that run now.
    var all: [RunningWorkload] { list.withLock { $0 } }

    func forEach(_ body: (RunningWorkload) throws -> Void) rethrows {
        for workload in all { try body(workload) }
    }
}
