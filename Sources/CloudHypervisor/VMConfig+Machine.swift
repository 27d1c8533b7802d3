import Configuration

extension VMConfig {
    /// The machine that it describes.
    ///
    /// - Parameter firstNumber: the number that the first descriptor has there which a client passed.
    /// - Throws: `APIError` 400 where no such machine can be.
    func machine(firstNumber: Int32 = 0) throws(APIError) -> MachineConfiguration {
        let machine = MachineConfiguration(
            processors: try topology(), memory: memory.bootSize, memoryBackend: try bootBackend(),
            nodes: machineNodes(), memoryDevices: memory.zones.filter { $0.deviceSize > 0 }.map { device($0) },
            disks: disks, networkDevices: networkDevices(firstNumber: firstNumber), vsock: vsock?.vsock,
            fileSystems: fileSystems, hasConsole: console.mode != .off, balloon: balloon,
            commandLine: commandLine)
        try checkSharing(machine)
        do throws(ConfigurationError) {
            try machine.validated()
        } catch {
            throw .invalid(field(for: error.option), error.problem)
        }
        return machine
    }

    /// What clients passed, in the order of the devices that it is for.
    var descriptors: [any PassedDescriptor] { networks.flatMap(\.descriptors) }

    private func networkDevices(firstNumber: Int32) -> [NetworkDevice] {
        var number = firstNumber
        return networks.map { network in
            defer { number += Int32(network.descriptors.count) }
            return network.device(firstNumber: number)
        }
    }

    /// Whoever serves a file system reads and writes the guest's memory, in another process.
    private func checkSharing(_ machine: MachineConfiguration) throws(APIError) {
        guard !fileSystems.isEmpty else { return }
        for zone in memory.zones where zone.size + zone.deviceSize > 0 && !zone.backing.backend.isShared {
            throw .invalid("\(zone.field).shared", "must be true beside fs: the guest's memory is its server's, too")
        }
    }

    /// The options of `swiftlet run` for it.
    ///
    /// - Parameter firstNumber: the number that the first of `descriptors` has there.
    func arguments(firstNumber: Int32) throws(APIError) -> [String] {
        let machine = try machine(firstNumber: firstNumber)
        var arguments = [
            "--kernel=\(payload.kernel)", "--no-default-cmdline", "--cmdline=\(machine.commandLine)",
            "--cpus=\(machine.processors.optionText)",
            "--memory=\(BootMemory(size: machine.memory, backend: machine.memoryBackend).optionText)",
            "--serial=\(serial.optionText)",
        ]
        if let initramfs = payload.initramfs { arguments.append("--initrd=\(initramfs)") }
        arguments += machine.nodes.map { "--numa=\($0.optionText)" }
        arguments += machine.memoryDevices.map { "--virtio-mem=\($0.optionText)" }
        arguments += machine.disks.map { "--disk=\($0.optionText)" }
        arguments += machine.networkDevices.map { "--net=\($0.optionText)" }
        if let vsock = machine.vsock { arguments.append("--vsock=\(vsock.optionText)") }
        arguments += machine.fileSystems.map { "--fs=\($0.optionText)" }
        if machine.hasConsole { arguments.append("--console=\(console.optionText)") }
        if let balloon { arguments.append("--balloon=\(balloon.optionText)") }
        return arguments
    }

    /// What the kernel needs here, then what the client says, which counts where both say something.
    private var commandLine: String {
        var words = KernelCommandLine.defaults.filter { !$0.quietens }.map(\.text)
        if !serial.isConnected { words.removeAll { $0 == "console=ttyS0" } }
        if let text = payload.commandLine, !text.isEmpty { words.append(text) }
        return words.joined(separator: " ")
    }

    private func topology() throws(APIError) -> ProcessorTopology {
        if let topology = processors.topology { return topology }
        do throws(ConfigurationError) {
            return try ProcessorTopology(optionText: "\(processors.boot)", nodes: machineNodes())
        } catch {
            throw .invalid("cpus", error.problem)
        }
    }

    private func machineNodes() -> [NUMANode] {
        nodes.enumerated().map { index, node in
            let zones = memory.hasZones ? memory.zones.filter { node.zones.contains($0.id) } : memory.zones
            // Memory without zones is the first node's.
            let size = memory.hasZones || index == 0 ? zones.reduce(0) { $0 + $1.size } : 0
            return NUMANode(id: node.id, processors: node.processors, memory: size)
        }
    }

    private func device(_ zone: VMMemory.Zone) -> MemoryDevice {
        let node = memory.hasZones ? nodes.first { $0.zones.contains(zone.id) } : nodes.first
        return MemoryDevice(
            id: zone.id, size: zone.deviceSize, node: node?.id ?? 0, requestedSize: zone.hotpluggedSize,
            backend: zone.backing.backend)
    }

    /// Boot memory is in one piece, so that the zones that it belongs to must agree on what it is made of.
    private func bootBackend() throws(APIError) -> MemoryBackend {
        let zones = memory.zones.filter { $0.size > 0 }
        guard let first = zones.first else { return MemoryBackend() }
        func common(_ zone: VMMemory.Zone) -> VMMemory.Backing {
            var backing = zone.backing
            backing.hostNode = nil
            return backing
        }
        for zone in zones where common(zone) != common(first) {
            throw .invalid(
                zone.field,
                "its boot memory can't be of another kind than that of \(first.field): shared, hugepages, hugepage_size,"
                    + " prefault, reserve and file must be the same, or size 0")
        }
        var backend = first.backing.backend
        backend.hostNodes = Set(zones.compactMap(\.backing.hostNode)).sorted()
        return backend
    }

    /// The element of a list of devices whose identifier is an option's second word.
    private func element(_ list: String, _ identifiers: [String], _ words: [String]) -> String {
        let index = identifiers.firstIndex { words.count > 1 && $0 == words[1] }
        return index.map { "\(list)[\($0)]" } ?? list
    }

    /// The field that an option of `swiftlet run` stands for.
    private func field(for option: String) -> String {
        let words = option.split(separator: " ").map { String($0) }
        switch words.first {
        case "--virtio-mem":
            let zone = memory.zones.first { words.count > 1 && [$0.id, "\($0.id):"].contains(words[1]) }
            return zone?.field ?? "memory.zones"
        case "--disk": return element("disks", disks.map(\.id), words)
        case "--net": return element("net", networks.map(\.id), words)
        case "--fs": return element("fs", fileSystems.map(\.id), words)
        case "--vsock": return "vsock"
        case "--balloon": return "balloon"
        case "--memory": return memory.hasZones ? "memory.zones" : "memory.size"
        case "--cpus": return "cpus"
        case "--numa":
            let index = nodes.firstIndex { words.last == "node=\($0.id)" }
            return index.map { "numa[\($0)]" } ?? "numa"
        case "--cmdline": return "payload.cmdline"
        default: return option
        }
    }
}
