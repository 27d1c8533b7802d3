import KVM
import Synchronization

/// How often a vCPU left the guest for what. Its thread counts, and others look on.
final class ExitCounters: Sendable {
    private let counts = InlineArray<7, Atomic<UInt64>> { _ in Atomic(0) }

    /// Counts one. To be called by the thread of the vCPU only: nobody else writes, so that no exit has to wait for an
    /// atomic addition.
    func note(_ exit: KVMExit) {
        let index = Self.reason(exit).index
        counts[index].store(counts[index].load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }

    /// What was counted so far.
    var values: [MachineMetrics.ExitReason: UInt64] {
        var values: [MachineMetrics.ExitReason: UInt64] = [:]
        for reason in MachineMetrics.ExitReason.allCases {
            values[reason] = counts[reason.index].load(ordering: .relaxed)
        }
        return values
    }

    private static func reason(_ exit: KVMExit) -> MachineMetrics.ExitReason {
        switch exit {
        case .port: .port
        case .mmio: .mmio
        case .interrupted: .interrupted
        case .shutdown: .shutdown
        case .memoryFault: .memoryFault
        case .internalError: .internalError
        case .halt, .systemEvent, .entryFailed, .stepped, .other: .other
        }
    }
}

extension MachineMetrics.ExitReason {
    fileprivate var index: Int {
        switch self {
        case .port: 0
        case .mmio: 1
        case .interrupted: 2
        case .shutdown: 3
        case .memoryFault: 4
        case .internalError: 5
        case .other: 6
        }
    }
}
