import Configuration
import GuestMemory
import Host
import KVM
import VhostUser

/// All of a machine that outlives a reset: its memory and its devices, and what its virtual machines are made from. It
/// belongs to the event loop's thread.
final class MachineHardware {
    let configuration: MachineConfiguration
    let layout: MachineLayout
    let system: KVMSystem
    let supportedCPUID: CPUID
    /// All guest-physical memory.
    let memory: GuestMemory
    /// The part of it that is there from the start.
    let bootMemory: [GuestMemoryRegion]
    let memoryDevices: [MemoryDeviceUnit]
    /// The other virtio devices.
    private let units: [any DeviceUnit]
    /// Who has guest memory besides the virtual machine.
    let sharing: MemorySharing
    /// All virtio devices, in the order of their windows.
    let virtioDevices: [any VirtioPlace]
    let serial: SerialUnit
    /// Nil for a machine without a virtio console.
    let console: ConsoleUnit?
    /// Nil for a machine without a balloon.
    let balloon: BalloonUnit?
    /// Pulsed when the power button is pressed.
    let powerButton: EventDescriptor
    /// What vCPUs reach by port and memory-mapped I/O.
    let bus: PlatformBus
    /// By vCPU.
    let exits: [ExitCounters]

    init(
        _ configuration: MachineConfiguration, serial channel: CharacterChannel, console end: ConsoleEnd,
        loop: EventLoop,
        isCancelled: () -> Bool, events: @escaping @Sendable (MachineEvent) -> Void
    ) throws(MachineError) {
        self.configuration = configuration
        let system = try MachineError.calling(MachineError.kvm) { () throws(KVMError) in
            let system = try KVMSystem()
            try system.require(KVMCapability.required)
            return system
        }
        self.system = system
        let supported = try MachineError.calling(MachineError.host) { () throws(SystemCallError) in
            try system.supportedCPUID()
        }
        supportedCPUID = supported
        let layout = try MachineError.calling(MachineError.configuration) { () throws(ConfigurationError) in
            let most = system.value(of: .maximumVCPUs)
            guard configuration.processors.count <= most else {
                throw ConfigurationError(
                    "--cpus \(configuration.processors.count)", "this host's KVM has at most \(most) vCPUs a machine")
            }
            return try MachineLayout(configuration, physicalAddressBits: supported.physicalAddressBits)
        }
        self.layout = layout
        exits = (0..<configuration.processors.count).map { _ in ExitCounters() }
        bootMemory = try MachineMemory.makeBootMemory(configuration, layout, isCancelled: isCancelled)
        (serial, powerButton) = try MachineError.calling(MachineError.host) { () throws(SystemCallError) in
            (try SerialUnit(channel, loop: loop, events: events), try EventDescriptor())
        }
        let regions = try MachineMemory.makeDeviceRegions(configuration, layout)
        memory = GuestMemory(regions: bootMemory + regions)
        let budget = MappingBudget()
        let slots = try MachineError.calling(MachineError.configuration) { () throws(ConfigurationError) in
            try SlotPlan(configuration.memoryDevices, available: system.value(of: .memorySlots))
        }
        var devices: [MemoryDeviceUnit] = []
        for (index, region) in regions.enumerated() {
            devices.append(
                try MemoryDeviceUnit(
                    configuration.memoryDevices[index], region: region, window: layout.virtioWindows[index],
                    slotLimit: slots.limits[index], guestMemory: memory,
                    hasOtherWriters: !configuration.fileSystems.isEmpty, budget: budget,
                    hasNodes: !configuration.nodes.isEmpty, stallTime: configuration.resizeStall, loop: loop,
                    events: events))
        }
        memoryDevices = devices
        units = try DeviceUnits.make(
            configuration, console: end,
            parts: bootMemory.map { BootMemoryPart(memory: $0, isKept: configuration.memoryBackend.prealloc) }
                + zip(regions, devices).map { DeviceMemoryPart(memory: $0, transport: $1.transport) },
            memorySize: { [devices] in
                devices.reduce(configuration.memory) { $0 + $1.status.pluggedSize }
            }, windows: layout.virtioWindows.dropFirst(devices.count), memory: memory,
            loop: loop,
            events: events)
        do throws(VhostUserError) {
            sharing = try MemorySharing(
                units.compactMap { ($0 as? FileSystemUnit)?.backend }, bootMemory: bootMemory,
                devices: devices.map(\.slotLayout))
        } catch {
            throw .configuration(ConfigurationError(configuration.fileSystems[0].option, error.description))
        }
        balloon = units.lazy.compactMap { $0 as? BalloonUnit }.first
        console = units.lazy.compactMap { $0 as? ConsoleUnit }.first
        virtioDevices = devices.map(\.unit) + units.map(\.place)
        bus = PlatformBus(serial: serial.port, virtioDevices: virtioDevices.map(\.registers), memory: memory)
    }

    /// Puts every device and all memory back to where they were at power-on. No virtual machine uses them meanwhile.
    func systemReset() throws(MachineError) {
        // Whoever reads and writes memory stops before it goes.
        for unit in units {
            unit.systemReset()
        }
        sharing.forgetSlots()
        for device in memoryDevices {
            device.systemReset()
        }
        serial.systemReset()
        try MachineError.calling(MachineError.host) { () throws(SystemCallError) in
            try MachineMemory.clear(bootMemory, of: memory, backend: configuration.memoryBackend)
        }
    }
}
