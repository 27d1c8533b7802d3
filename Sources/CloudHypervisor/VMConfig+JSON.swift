import Configuration
import JSON

extension VMConfig {
    /// As `VmConfig`, with what is in effect.
    ///
    /// - Parameters:
    ///   - requestedSizes: what devices are asked to have plugged now, by their identifiers.
    ///   - terminals: the paths of pseudo-terminals, by the options that ask for them: `serial` and `console`.
    func json(requestedSizes: [String: UInt64] = [:], terminals: [String: String] = [:]) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("cpus", processors.json), .init("memory", memory.json(requestedSizes)),
            .init("payload", payload.json),
            .init("serial", serial.json(terminal: terminals["serial"])),
            .init("console", console.json(terminal: terminals["console"])),
            .init("rng", entropy.json),
        ]
        let lists = [("disks", disks.map(\.json)), ("net", networks.map(\.json)), ("fs", fileSystems.map(\.json))]
        members += lists.filter { !$0.1.isEmpty }.map { .init($0.0, .array($0.1)) }
        if let balloon { members.append(.init("balloon", balloon.json)) }
        if let vsock { members.append(.init("vsock", vsock.json)) }
        if !nodes.isEmpty { members.append(.init("numa", .array(nodes.map(\.json)))) }
        return .object(members)
    }
}

extension VMConfig.Processors {
    fileprivate var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("boot_vcpus", .number(boot)), .init("max_vcpus", .number(maximum)),
        ]
        if let topology {
            members.append(
                .init(
                    "topology",
                    [
                        "threads_per_core": .number(topology.threads), "cores_per_die": .number(topology.cores),
                        "dies_per_package": 1, "packages": .number(topology.sockets),
                    ]))
        }
        return .object(members)
    }
}

extension VMConfig.Payload {
    fileprivate var json: JSONValue {
        var members = [JSONValue.Member("kernel", .string(kernel))]
        if let initramfs { members.append(.init("initramfs", .string(initramfs))) }
        if let commandLine { members.append(.init("cmdline", .string(commandLine))) }
        return .object(members)
    }
}

extension VMConfig.Node {
    fileprivate var json: JSONValue {
        [
            "guest_numa_id": .number(id), "cpus": .array(processors.map { .number($0) }),
            "memory_zones": .array(zones.map { .string($0) }),
        ]
    }
}

extension VMConsole {
    fileprivate func json(terminal: String?) -> JSONValue {
        var members = [JSONValue.Member("mode", .string(mode.rawValue))]
        if let path = mode == .pty ? terminal : file { members.append(.init("file", .string(path))) }
        if let socket { members.append(.init("socket", .string(socket))) }
        return .object(members)
    }
}

extension VMMemory {
    fileprivate func json(_ requestedSizes: [String: UInt64]) -> JSONValue {
        let method = JSONValue.Member("hotplug_method", "VirtioMem")
        guard hasZones else {
            return .object(zones.flatMap { $0.members(requestedSizes) } + [method])
        }
        let zones = zones.map { zone -> JSONValue in
            var members = [JSONValue.Member("id", .string(zone.id))] + zone.members(requestedSizes)
            if let file = zone.backing.file { members.append(.init("file", .string(file))) }
            if let node = zone.backing.hostNode { members.append(.init("host_numa_node", .number(node))) }
            return .object(members)
        }
        return .object([.init("size", 0), method, .init("zones", .array(zones))])
    }
}

extension VMMemory.Zone {
    /// What a zone and memory without zones have in common.
    fileprivate func members(_ requestedSizes: [String: UInt64]) -> [JSONValue.Member] {
        var members = [JSONValue.Member("size", .number(size))]
        if let hotplugSize {
            members.append(.init("hotplug_size", .number(hotplugSize)))
            members.append(.init("hotplugged_size", .number(requestedSizes[id] ?? hotpluggedSize)))
        }
        members += [
            .init("mergeable", false), .init("shared", .boolean(backing.isShared)),
            .init("hugepages", .boolean(backing.hasHugePages)),
        ]
        if let size = backing.hugePageSize { members.append(.init("hugepage_size", .number(size))) }
        return members + [
            .init("prefault", .boolean(backing.backend.prealloc)), .init("reserve", .boolean(backing.reserve)),
            .init("thp", .boolean(backing.backend.transparentHugePages)),
        ]
    }
}
