import Configuration
import JSON

extension VMConfig {
    /// Reads the body of `vm.create`.
    ///
    /// - Throws: `APIError` 400, which names the field that can't be.
    public init(body: [UInt8]) throws(APIError) {
        var fields = try Fields(body: body)
        var notes: [String] = []
        self.init(payload: try Payload(try fields.required("payload", try fields.object("payload"))))
        if let given = try fields.object("cpus") { processors = try Processors(given, notes: &notes) }
        if let given = try fields.object("memory") { memory = try VMMemory(given, notes: &notes) }
        if let given = try fields.object("serial") { serial = try VMConsole(given) }
        if let given = try fields.object("console") { console = try VMConsole(given) }
        let nodeFields = try fields.objects("numa")
        guard nodeFields.count <= Int(NUMANode.maximumID) + 1 else {
            throw fields.invalid("numa", "has \(nodeFields.count) elements; \(NUMANode.maximumID + 1) is the most")
        }
        for given in nodeFields { nodes.append(try Node(given, notes: &notes)) }
        if let given = try fields.object("rng") { entropy = try VMEntropy(given, notes: &notes) }
        for given in try Self.limited(fields.objects("disks"), fields.path(of: "disks")) {
            disks.append(try Disk(given, notes: &notes))
        }
        for given in try Self.limited(fields.objects("net"), fields.path(of: "net")) {
            networks.append(try VMNetwork(given, descriptors: [], notes: &notes))
        }
        for given in try Self.limited(fields.objects("fs"), fields.path(of: "fs")) {
            fileSystems.append(try FileSystem(given))
        }
        balloon = try fields.object("balloon").map { (given) throws(APIError) in try Balloon(given) }
        vsock = try fields.object("vsock").map { (given) throws(APIError) in try VMVsock(given) }
        try fields.takeAbsentDevices(notes: &notes)
        try fields.finish()
        nameDevices()
        try checkZones()
        try checkConsoles()
        self.notes = notes
        // Sizes, numbers and identifiers are checked where all of them are known.
        _ = try machine()
    }

    /// Refuses a list that is longer than a machine could have devices.
    private static func limited(_ devices: [Fields], _ field: String) throws(APIError) -> [Fields] {
        guard devices.count <= MachineConfiguration.maximumDevices else {
            throw .invalid(
                field, "has \(devices.count) elements; \(MachineConfiguration.maximumDevices) is the most")
        }
        return devices
    }

    /// Refuses consoles that lead to the same, which has no two ends.
    private func checkConsoles() throws(APIError) {
        guard console.mode == serial.mode else { return }
        switch console.mode {
        case .tty: throw .invalid("console.mode", "is Tty, and so is serial.mode; one of them can be")
        case .file where console.file == serial.file:
            throw .invalid("console.file", "is that of serial, too; give another one")
        case .socket where console.socket == serial.socket:
            throw .invalid("console.socket", "is that of serial, too; give another one")
        case .off, .null, .pty, .file, .socket: break
        }
    }

    private func checkZones() throws(APIError) {
        var seen: Set<String> = []
        for zone in memory.zones {
            guard seen.insert(zone.id).inserted else {
                throw .invalid("\(zone.field).id", "\"\(zone.id)\" is given twice")
            }
        }
        guard !nodes.isEmpty else { return }
        var placed: Set<String> = []
        for (index, node) in nodes.enumerated() {
            for (position, id) in node.zones.enumerated() {
                let field = "numa[\(index)].memory_zones[\(position)]"
                guard memory.hasZones, seen.contains(id) else {
                    throw .invalid(field, "there is no memory zone \"\(id.prefix(100))\"")
                }
                guard placed.insert(id).inserted else {
                    throw .invalid(field, "zone \"\(id)\" is in a node already")
                }
            }
        }
        if memory.hasZones, let zone = memory.zones.first(where: { !placed.contains($0.id) }) {
            throw .invalid(zone.field, "zone \"\(zone.id)\" is in the memory_zones of no node of numa")
        }
    }
}

extension VMConfig.Payload {
    fileprivate init(_ given: Fields) throws(APIError) {
        var fields = given
        for name in ["firmware", "igvm"] where try fields.string(name) != nil {
            throw fields.invalid(name, "there is no firmware: give payload.kernel, a bzImage or an ELF vmlinux")
        }
        if try fields.string("host_data") != nil {
            throw fields.invalid("host_data", "there are no confidential VMs")
        }
        guard let kernel = try fields.path("kernel") else {
            throw fields.invalid("kernel", "is missing: there is no firmware that would find one")
        }
        self.init(
            kernel: kernel, initramfs: try fields.path("initramfs"), commandLine: try fields.string("cmdline"))
        try fields.finish()
    }
}

extension VMConfig.Processors {
    fileprivate init(_ given: Fields, notes: inout [String]) throws(APIError) {
        var fields = given
        let range = 1...ProcessorTopology.maximumCount
        boot = try fields.required("boot_vcpus", try fields.number("boot_vcpus", range))
        maximum = try fields.required("max_vcpus", try fields.number("max_vcpus", 1...Int(Int32.max)))
        guard maximum >= boot else {
            throw fields.invalid("max_vcpus", "is \(maximum), less than the boot_vcpus \(boot)")
        }
        if maximum > boot {
            notes.append("\(fields.path(of: "max_vcpus")): a VM keeps the \(boot) vCPUs that it boots with")
        }
        if let given = try fields.object("topology") { topology = try topology(given, notes: &notes) }
        try takeWithoutEffect(&fields, notes: &notes)
        try fields.finish()
    }

    /// The arrangement is that of the most vCPUs; it can be had where those are the vCPUs that there are.
    private func topology(_ given: Fields, notes: inout [String]) throws(APIError) -> ProcessorTopology? {
        var fields = given
        let range = 1...ProcessorTopology.maximumCount
        let threads = try fields.number("threads_per_core", range) ?? 1
        let cores = try fields.number("cores_per_die", range) ?? 1
        let dies = try fields.number("dies_per_package", range) ?? 1
        let packages = try fields.number("packages", range) ?? 1
        try fields.finish()
        // Four factors of at most 255 can't overflow.
        let product = threads * cores * dies * packages
        guard product == maximum else {
            throw .invalid(fields.path, "arranges \(product) vCPUs, and max_vcpus is \(maximum)")
        }
        guard product == boot else {
            notes.append("\(fields.path): the \(boot) vCPUs are the cores of one package")
            return nil
        }
        return ProcessorTopology(count: boot, sockets: packages, cores: cores * dies, threads: threads)
    }

    /// Takes what says how vCPUs are to run, and can't be said here.
    private func takeWithoutEffect(_ fields: inout Fields, notes: inout [String]) throws(APIError) {
        func note(_ name: String, _ text: String) { notes.append("\(fields.path(of: name)): \(text)") }
        if try fields.flag("kvm_hyperv") == true { note("kvm_hyperv", "guests are not told of Hyper-V's interfaces") }
        if try fields.flag("nested") == false { note("nested", "guests see what KVM offers them") }
        if try fields.number("max_phys_bits", 0...UInt32.max) != nil {
            note("max_phys_bits", "guests see as many bits as the host has")
        }
        let affinities = try fields.objects("affinity")
        if !affinities.isEmpty { note("affinity", "vCPUs run where the host lets them") }
        for var affinity in affinities {
            _ = try affinity.required("vcpu", try affinity.number("vcpu", 0...UInt32.max))
            _ = try affinity.required("host_cpus", try affinity.array("host_cpus"))
            try affinity.finish()
        }
        if var features = try fields.object("features") {
            if try features.flag("amx") == true { note("features.amx", "guests see what KVM offers them") }
            try features.finish()
        }
        if try fields.choice("core_scheduling", as: CoreScheduling.self) ?? .off != .off {
            note("core_scheduling", "vCPUs are scheduled as other threads are")
        }
    }

    private enum CoreScheduling: String, CaseIterable {
        case vm = "Vm"
        case vcpu = "Vcpu"
        case off = "Off"
    }
}

extension VMConfig.Node {
    fileprivate init(_ given: Fields, notes: inout [String]) throws(APIError) {
        var fields = given
        let id = try fields.number("guest_numa_id", 0...NUMANode.maximumID)
        self.init(id: try fields.required("guest_numa_id", id), processors: [], zones: [])
        for (index, value) in (try fields.array("cpus") ?? []).enumerated() {
            let path = "\(fields.path(of: "cpus"))[\(index)]"
            processors.append(try Fields.number(value, at: path, 0...ProcessorTopology.maximumCount - 1))
        }
        for (index, value) in (try fields.array("memory_zones") ?? []).enumerated() {
            guard let zone = value.string else {
                throw fields.invalid("memory_zones[\(index)]", "must be a zone's id, a string")
            }
            zones.append(zone)
        }
        for name in ["distances", "pci_segments"] where try fields.array(name)?.isEmpty == false {
            notes.append("\(fields.path(of: name)): all nodes are equally far from each other, and there is no PCI bus")
        }
        if try fields.string("device_id") != nil {
            throw fields.invalid("device_id", "no device can be a node's own")
        }
        try fields.finish()
    }
}
