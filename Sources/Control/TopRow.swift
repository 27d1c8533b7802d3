/// A line of `swiftlet top`: a machine, or a device of the one above it.
struct TopRow: Sendable {
    let name: String
    let status: String
    let memory: MemoryTrace
    /// Nobody knows what part of its machine's resident memory is a device's.
    let isDevice: Bool

    init(_ machine: MachineTrace) {
        (name, status, memory, isDevice) = (machine.name, machine.status, machine.memory, false)
    }

    init(_ device: DeviceTrace) {
        (name, status, memory, isDevice) = ("  \(device.id)", "node \(device.node)", device.memory, true)
    }
}
