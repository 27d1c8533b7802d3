import Configuration
import GuestMemory
import Host

/// Makes the virtio devices that a configuration asks for besides memory devices.
enum DeviceUnits {
    /// - Parameter windows: as many as there are devices, in the order of `MachineConfiguration.furtherDeviceCount`.
    static func make(
        _ configuration: MachineConfiguration, windows: ArraySlice<MachineLayout.VirtioWindow>, memory: GuestMemory,
        loop: EventLoop, events: @escaping @Sendable (MachineEvent) -> Void
    ) throws(MachineError) -> [any DeviceUnit] {
        var windows = windows
        var units: [any DeviceUnit] = []
        if configuration.hasEntropy {
            units.append(try EntropyUnit(window: windows.removeFirst(), memory: memory, loop: loop, events: events))
        }
        for disk in configuration.disks {
            units.append(
                try DiskUnit(disk, window: windows.removeFirst(), memory: memory, loop: loop, events: events))
        }
        return units
    }
}
