extension MachineConfiguration {
    /// The most virtio devices that there is room for.
    public static let maximumDevices = 256

    /// Checks everything that can be known before a machine is built.
    ///
    /// - Parameter physicalAddressBits: how many the guest's processors will have.
    /// - Returns: where everything goes.
    /// - Throws: `ConfigurationError` for the first thing that can't be.
    @discardableResult
    public func validated(physicalAddressBits: Int = 52) throws(ConfigurationError) -> MachineLayout {
        try MachineLayout(self, physicalAddressBits: physicalAddressBits)
    }

    /// What works but probably is not meant, in words for the user.
    public var warnings: [String] {
        (balloonWarning.map { [$0] } ?? [])
            + memoryDevices.flatMap { device in
                [("size", device.size), ("requested-size", device.requestedSize)].compactMap { name, value in
                    let unit = Platform.linuxMemoryBlockSize
                    guard value % unit != 0 else { return nil }
                    return
                        "\(device.option): \(name) \(ByteSize(value)) is not a multiple of \(ByteSize(unit)): it works,"
                        + " but more slowly, because Linux unplugs the odd part in pieces of"
                        + " \(ByteSize(max(device.blockSize, Platform.linuxPieceSize))), with a request for each"
                }
            }
    }

    private var balloonWarning: String? {
        guard balloon != nil, memoryBackend.prealloc, memoryDevices.allSatisfy(\.backend.prealloc) else { return nil }
        return "--balloon: all memory has prealloc=on, so that none of it goes back to the host"
    }

    /// The checks that need no address arithmetic.
    func check() throws(ConfigurationError) {
        guard !name.isEmpty, name.utf8.count <= 255, name.unicodeScalars.allSatisfy(\.isPrintable) else {
            throw ConfigurationError("--name", "a name has 1 to 255 bytes and no control characters")
        }
        try checkCommandLine()
        try processors.check()
        guard memory > 0 else {
            throw ConfigurationError("--memory 0", "a machine needs memory to boot, in multiples of 1M")
        }
        guard memory % Platform.bootMemoryUnit == 0 else {
            throw ConfigurationError("--memory \(ByteSize(memory))", "not a multiple of 1M")
        }
        try memoryBackend.check(option: "--memory \(ByteSize(memory))")
        guard memory % memoryBackend.pageSize == 0 else {
            throw ConfigurationError(
                "--memory \(ByteSize(memory))",
                "not a multiple of the backend's pages of \(ByteSize(memoryBackend.pageSize))")
        }
        try Milliseconds(resizeStall).check(option: "--resize-stall")
        try checkNodes()
        try checkMemoryDevices()
        try checkDevices()
        try vsock?.check()
        try checkFileSystems()
        try balloon?.check(memory: memory)
    }

    private func checkCommandLine() throws(ConfigurationError) {
        let length = commandLine.utf8.count
        guard length <= KernelCommandLine.maximumLength else {
            throw ConfigurationError(
                "--cmdline",
                "the kernel's command line has \(length) bytes with the defaults; \(KernelCommandLine.maximumLength)"
                    + " is the most")
        }
        guard !commandLine.utf8.contains(0) else {
            throw ConfigurationError("--cmdline", "the kernel's command line contains a zero byte, which would end it")
        }
    }

    private func checkNodes() throws(ConfigurationError) {
        guard !nodes.isEmpty else { return }
        var seen: Set<UInt32> = []
        var nodeOfProcessor: [Int: UInt32] = [:]
        var sum: UInt64 = 0
        for node in nodes {
            guard node.id <= NUMANode.maximumID else {
                throw ConfigurationError(node.option, "nodes have the numbers 0 to \(NUMANode.maximumID)")
            }
            guard seen.insert(node.id).inserted else {
                throw ConfigurationError(node.option, "this node is given twice")
            }
            for processor in node.processors {
                guard (0..<processors.count).contains(processor) else {
                    throw ConfigurationError(
                        node.option, "there is no processor \(processor): --cpus gives 0 to \(processors.count - 1)")
                }
                if let other = nodeOfProcessor.updateValue(node.id, forKey: processor) {
                    let place = other == node.id ? "twice in this node" : "in node \(other) already"
                    throw ConfigurationError(node.option, "processor \(processor) is \(place)")
                }
            }
            guard node.memory % Platform.bootMemoryUnit == 0 else {
                throw ConfigurationError(node.option, "memory \(ByteSize(node.memory)) is not a multiple of 1M")
            }
            let (total, overflow) = sum.addingReportingOverflow(node.memory)
            guard !overflow else {
                throw ConfigurationError(node.option, "memory \(ByteSize(node.memory)) is too large")
            }
            sum = total
        }
        let missing = (0..<processors.count).filter { nodeOfProcessor[$0] == nil }
        guard missing.isEmpty else {
            let keys = NumberList.runs(of: missing).map { "cpus=\($0)" }.joined(separator: ",")
            throw ConfigurationError(
                "--numa",
                "no node has \(missing.count == 1 ? "processor" : "processors") \(NUMANode.listText(missing)):"
                    + " give \(keys) to one")
        }
        guard sum == memory else {
            throw ConfigurationError(
                "--numa", "the nodes' memory adds up to \(ByteSize(sum)), but --memory is \(ByteSize(memory))")
        }
    }

    private func checkMemoryDevices() throws(ConfigurationError) {
        let count = memoryDevices.count + furtherDeviceCount
        guard count <= Self.maximumDevices else {
            throw ConfigurationError(
                memoryDevices.count > Self.maximumDevices / 2 ? "--virtio-mem" : "--disk",
                "the machine would have \(count) virtio devices; \(Self.maximumDevices) is the most")
        }
        let nodeNumbers = nodes.isEmpty ? [0] : nodes.map(\.id).sorted()
        for (index, device) in memoryDevices.enumerated() {
            try device.check()
            guard !memoryDevices[..<index].contains(where: { $0.id == device.id }) else {
                throw ConfigurationError(device.option, "this id is given twice")
            }
            guard nodeNumbers.contains(device.node) else {
                let known = nodeNumbers.map { String($0) }.joined(separator: ", ")
                throw ConfigurationError(
                    device.option, "there is no node \(device.node): the nodes are \(known) (see --numa)")
            }
        }
    }

    private func checkDevices() throws(ConfigurationError) {
        var ids = memoryDevices.map(\.id)
        for disk in disks {
            try disk.check()
            guard !ids.contains(disk.id) else { throw ConfigurationError(disk.option, "this id is given twice") }
            ids.append(disk.id)
        }
        var descriptors: Set<Int32> = []
        for device in networkDevices {
            try device.check()
            guard !ids.contains(device.id) else { throw ConfigurationError(device.option, "this id is given twice") }
            ids.append(device.id)
            for descriptor in device.openQueues where !descriptors.insert(descriptor).inserted {
                throw ConfigurationError(device.option, "another network device has fd \(descriptor)")
            }
        }
    }
}

extension NUMANode {
    /// How error messages name the node.
    var option: String { "--numa node=\(id)" }
}

extension Unicode.Scalar {
    /// Whether it can be shown on one line of a terminal without effects of its own.
    fileprivate var isPrintable: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned: false
        default: true
        }
    }
}
