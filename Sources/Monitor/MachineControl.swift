import Configuration
import Machine

/// What a monitor needs of a machine. Calls wait for their answer.
public protocol MachineControl {
    func state() throws(MachineError) -> MachineState
    func processorThreads() throws(MachineError) -> [Int32]
    func memoryDevices() throws(MachineError) -> [MemoryDeviceStatus]
    func memoryDeviceDetails() throws(MachineError) -> [MemoryDeviceDetails]
    func memorySlots() throws(MachineError) -> [MemorySlotStatus]
    func metrics() throws(MachineError) -> MachineMetrics
    func setRequestedSize(_ size: UInt64, of id: String) throws(MachineError)
    func balloon() throws(MachineError) -> BalloonStatus?
    func setBalloon(remaining size: UInt64) throws(MachineError)
    func pause() throws(MachineError)
    func resume() throws(MachineError)
    func reset() throws(MachineError)
    func pressPowerButton() throws(MachineError)
}

extension Machine: MachineControl {}
