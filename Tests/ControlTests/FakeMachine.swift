import Configuration
import Monitor
import Synchronization

@testable import Machine

/// A machine that only says what it is told to say, and keeps what it is asked.
final class FakeMachine: MachineControl {
    private struct State {
        var calls: [String] = []
        var failure: MachineError?
        var state = MachineState.running
        var devices: [MemoryDeviceStatus] = []
        var slots: [MemorySlotStatus] = []
        var details: [MemoryDeviceDetails] = []
        var metrics = MachineMetrics()
        var balloon: BalloonStatus? = BalloonStatus(target: 1 << 30, size: 512 << 20, memory: 4 << 30)
    }

    private let held = Mutex(State())

    init(
        devices: [MemoryDeviceStatus] = [], slots: [MemorySlotStatus] = [], details: [MemoryDeviceDetails] = []
    ) {
        held.withLock { $0.details = details }
        held.withLock { $0.devices = devices }
        held.withLock { $0.slots = slots }
    }

    /// What was asked since this was last asked.
    func takeCalls() -> [String] {
        held.withLock { state in
            defer { state.calls = [] }
            return state.calls
        }
    }

    /// What every call fails with from now on.
    func fail(with error: MachineError) {
        held.withLock { $0.failure = error }
    }

    func set(_ metrics: MachineMetrics) {
        held.withLock { $0.metrics = metrics }
    }

    func metrics() throws(MachineError) -> MachineMetrics {
        try note("metrics")
        return held.withLock { $0.metrics }
    }

    func balloon() throws(MachineError) -> BalloonStatus? {
        try note("balloon")
        return held.withLock { $0.balloon }
    }

    func setBalloon(remaining size: UInt64) throws(MachineError) {
        try note("setBalloon \(size)")
        if held.withLock({ $0.balloon == nil }) { throw .noBalloon }
    }

    func removeBalloon() {
        held.withLock { $0.balloon = nil }
    }

    func set(_ state: MachineState) {
        held.withLock { $0.state = state }
    }

    private func note(_ call: String) throws(MachineError) {
        let failure = held.withLock { state in
            state.calls.append(call)
            return state.failure
        }
        if let failure { throw failure }
    }

    func state() throws(MachineError) -> MachineState {
        try note("state")
        return held.withLock { $0.state }
    }

    func memoryDevices() throws(MachineError) -> [MemoryDeviceStatus] {
        try note("memoryDevices")
        return held.withLock { $0.devices }
    }

    func memoryDeviceDetails() throws(MachineError) -> [MemoryDeviceDetails] {
        try note("memoryDeviceDetails")
        return held.withLock { $0.details }
    }

    func memorySlots() throws(MachineError) -> [MemorySlotStatus] {
        try note("memorySlots")
        return held.withLock { $0.slots }
    }

    func setRequestedSize(_ size: UInt64, of id: String) throws(MachineError) {
        try note("setRequestedSize \(size) of \(id)")
    }

    func processorThreads() throws(MachineError) -> [Int32] {
        try note("processorThreads")
        return [101, 102, 103, 104]
    }

    func pause() throws(MachineError) { try note("pause") }
    func resume() throws(MachineError) { try note("resume") }
    func reset() throws(MachineError) { try note("reset") }
    func pressPowerButton() throws(MachineError) { try note("pressPowerButton") }
}
