import Configuration
import GuestMemory
import Host

/// Makes the virtio devices that a configuration asks for besides memory devices.
enum DeviceUnits {
    /// - Parameters:
    ///   - console: where a virtio console leads.
    ///   - parts: what a balloon can give back.
    ///   - memorySize: how many bytes of memory the guest has now, with what is in a balloon.
    ///   - windows: as many as there are devices, in the order of `MachineConfiguration.furtherDeviceCount`.
    static func make(
        _ configuration: MachineConfiguration, console: ConsoleEnd, parts: [any ReclaimablePart],
        memorySize: @escaping () -> UInt64, windows: ArraySlice<MachineLayout.VirtioWindow>, memory: GuestMemory,
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
        for device in configuration.networkDevices {
            units.append(
                try NetworkUnit(
                    device, machine: configuration.name, window: windows.removeFirst(), memory: memory, loop: loop,
                    events: events))
        }
        if let vsock = configuration.vsock {
            units.append(
                try VsockUnit(vsock, window: windows.removeFirst(), memory: memory, loop: loop, events: events))
        }
        for fileSystem in configuration.fileSystems {
            units.append(
                try FileSystemUnit(
                    fileSystem, changesMemory: !configuration.memoryDevices.isEmpty, window: windows.removeFirst(),
                    memory: memory, loop: loop, events: events))
        }
        if configuration.hasConsole {
            units.append(
                try ConsoleUnit(console, window: windows.removeFirst(), memory: memory, loop: loop, events: events))
        }
        if let balloon = configuration.balloon {
            units.append(
                try BalloonUnit(
                    balloon, parts: parts, memorySize: memorySize, window: windows.removeFirst(), memory: memory,
                    loop: loop, events: events))
        }
        return units
    }
}
