import Configuration
import Host
import MachineLog
import RunDirectory
import SystemPackage

/// Everything is checked and opened here, then the process becomes `swiftlet-vmm`.
extension RunOptions {
    func perform() throws {
        guard let config else { return try start() }
        // Behind the program's name and 'run'.
        let given = Array(ProcessImage.arguments.dropFirst(2))
        try Self.reading(config, beside: given).start()
    }

    private func start() throws {
        // Whoever reads no warnings ends nothing.
        ignoreBrokenPipes()
        let directory = self.machine.name.map { RunDirectory(name: $0) }
        var machine = Self.reachable(try machine.machine(), directory)
        let consoleOption = try console.map { try ChannelOption(option: "--console", optionText: $0) }
        machine.hasConsole = consoleOption != nil
        let serialOption = try serialOption(directory, console: consoleOption)
        let monitorOption = try MonitorOption(optionText: monitor)
        let qmpOptions = try qmp.map { try SocketPath(qmpOptionText: $0) }
        let endWith = try self.endWith.map { try Self.pipe(optionText: $0) }
        try log.check()
        try checkDetaching(serial: serialOption, console: consoleOption, monitor: monitorOption)
        try consoleOption.map { try ChannelOption.check(serial: serialOption, console: $0) }
        try machine.validated(physicalAddressBits: HostProcessor.host.physicalAddressBits ?? Platform.mostAddressBits)

        // What leaves traces on the host (a log file, a socket) comes last.
        let vmm = try VMMProgram()
        let files = try BootFiles(kernel: kernel, initialRAMDisk: initrd, memory: machine.memory)
        try KVMDevice.check()
        // From here on it is the guest's process that is told to end: it cleans up.
        deferTermination()
        let memory = try MemoryFiles(opening: machine)
        let disks = try DiskFiles(opening: memory.machine)
        let network = try NetworkFiles(opening: disks.machine)
        var fileSystems = try FileSystemEnds(connecting: network.machine)
        let serial = try ChannelEnd(opening: serialOption, of: "serial", apartFrom: files.sources)
        let console = try consoleOption.flatMap { try ChannelEnd(opening: $0, of: "console", apartFrom: files.sources) }
        let logFile = try log.openFile(apartFrom: files.sources)
        let places = try RunPlaces(
            in: directory, configuration: machineFile(files.sources).json.text, serial: serialOption,
            console: consoleOption, monitor: monitorOption, qmp: qmpOptions, vsock: machine.vsock)
        let logs = try places.removedUnless {
            try log.destinations(file: logFile, runLog: places.log, isDetached: detach)
        }

        try places.removedUnless {
            try fileSystems.startServers()
        }

        let request = LaunchRequest(
            machine: places.opened(fileSystems.machine), kernel: files.kernel, initialRAMDisk: files.initialRAMDisk,
            serial: serial?.channel ?? places.serialChannel, console: console?.channel ?? places.consoleChannel,
            monitor: places.monitor,
            qmp: places.qmp.map(\.listener), runDirectory: places.runDirectory, logs: logs,
            endWith: endWith?.rawValue)
        let warnings =
            machine.warnings + files.warnings + memory.warnings + network.warnings
            + [KVMDevice.warning(on: HostProcessor.host)].compactMap(\.self)
        try warn(warnings, logs, machine: machine.name)
        let descriptors =
            files.descriptors + memory.descriptors + disks.descriptors + network.descriptors
            + fileSystems.descriptors + (serial?.descriptors ?? []) + (console?.descriptors ?? []) + places.descriptors
            + [logFile, endWith].compactMap { $0 }
        guard detach, let directory, let runLog = places.log else {
            fileSystems.disownServers()
            let error = vmm.become(request, keeping: descriptors)
            places.remove()
            throw error
        }
        let process = try DetachedStart(vmm: vmm, directory: directory).perform(
            request, places: places, keeping: descriptors, log: runLog)
        print("\(directory.name) runs, as process \(process)")
    }

    /// Says what is odd, where the machine's log goes, and to whoever starts it.
    private func warn(_ warnings: [String], _ logs: [LogDestination], machine: String) throws {
        guard !warnings.isEmpty else { return }
        // Of a machine in the background, standard error has no log.
        let listeners = try logs + (detach ? log.destinations(file: nil, runLog: nil, isDetached: false) : [])
        for warning in warnings { listeners.writeNow(LogEntry(.warning, warning), machine: machine) }
    }

    /// The machine with a vsock in its run directory, by which 'swiftlet exec' finds its agent, unless it has one.
    private static func reachable(_ machine: MachineConfiguration, _ directory: RunDirectory?) -> MachineConfiguration {
        // Where the path is too long for it, the machine is still worth having.
        guard machine.vsock == nil, let path = directory?.vsockSocket.string, (try? Vsock.check(path: path)) != nil
        else {
            return machine
        }
        var machine = machine
        machine.vsock = Vsock(cid: agentCID, path: path)
        return machine
    }

    /// Only the guest itself sees it: other machines may have the same.
    private static let agentCID: UInt32 = 3

    private func serialOption(_ directory: RunDirectory?, console: ChannelOption?) throws -> ChannelOption {
        if let serial { return try ChannelOption(option: "--serial", optionText: serial) }
        return .serial(console: console, socket: detach ? directory?.consoleSocket.string : nil)
    }

    /// - Throws: `ConfigurationError` for what a machine in the background can't have.
    private func checkDetaching(serial: ChannelOption, console: ChannelOption?, monitor: MonitorOption) throws {
        guard detach else { return }
        guard machine.name != nil else {
            throw ConfigurationError("--detach", "give the machine a name, by which it is found: --name NAME")
        }
        guard serial != .stdio else {
            throw ConfigurationError("--serial stdio", "a machine in the background has no terminal (--detach)")
        }
        guard console != .stdio else {
            throw ConfigurationError("--console stdio", "a machine in the background has no terminal (--detach)")
        }
        guard monitor != .stdio else {
            throw ConfigurationError("--monitor stdio", "a machine in the background has no terminal (--detach)")
        }
    }

    /// The descriptor that `--end-with` names.
    private static func pipe(optionText text: String) throws -> FileDescriptor {
        let descriptor = FileDescriptor(rawValue: try LaunchRequest.endWith(optionText: text))
        guard (try? descriptor.stat())?.type == .fifo else {
            throw ConfigurationError("--end-with \(text)", "no pipe is open there")
        }
        return descriptor
    }
}
