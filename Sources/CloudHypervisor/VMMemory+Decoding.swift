import Configuration
import JSON

extension VMMemory {
    /// How memory is added. Both mean virtio-mem here.
    private enum HotplugMethod: String, CaseIterable {
        case acpi = "Acpi"
        case virtioMem = "VirtioMem"
    }

    /// Reads `memory`.
    ///
    /// - Parameter notes: receives what has no effect.
    init(_ given: Fields, notes: inout [String]) throws(APIError) {
        var fields = given
        let size = try fields.required("size", try fields.size("size"))
        let zoneFields = try fields.objects("zones")
        if try fields.choice("hotplug_method", as: HotplugMethod.self) == .acpi {
            notes.append("\(fields.path(of: "hotplug_method")): memory is added by virtio-mem, not by ACPI")
        }
        guard !zoneFields.isEmpty else {
            var zone = Zone(id: Self.defaultZone, size: size, field: fields.path)
            try zone.takeRest(of: &fields, notes: &notes)
            try fields.finish()
            zones = [zone]
            try checkSum()
            return
        }
        guard size == 0 else {
            throw fields.invalid("size", "is \(size); with zones it must be 0, and the zones have sizes")
        }
        // What the zones say for themselves can't be said for all of them.
        var whole = Zone(id: "", size: 0, field: fields.path)
        try whole.takeRest(of: &fields, notes: &notes)
        guard (whole.hotplugSize ?? 0) == 0, whole.hotpluggedSize == 0, whole.backing == Backing() else {
            throw .invalid(
                fields.path,
                "with zones, each of them has its own hotplug_size, hotplugged_size, shared, hugepages,"
                    + " hugepage_size, prefault and reserve")
        }
        try fields.finish()
        guard zoneFields.count <= MachineConfiguration.maximumDevices else {
            throw fields.invalid(
                "zones", "has \(zoneFields.count) elements; \(MachineConfiguration.maximumDevices) is the most")
        }
        hasZones = true
        zones = []
        for given in zoneFields {
            zones.append(try Zone(given, notes: &notes))
        }
        try checkSum()
    }

    private func checkSum() throws(APIError) {
        var sum: UInt64 = 0
        for zone in zones {
            let (total, overflow) = sum.addingReportingOverflow(zone.size)
            let (most, tooMuch) = total.addingReportingOverflow(zone.hotplugSize ?? 0)
            guard !overflow, !tooMuch, most <= UInt64(Int64.max) else {
                throw .invalid(zone.field, "all memory together has more than \(Int64.max) bytes")
            }
            sum = most
        }
    }
}

extension VMMemory.Zone {
    /// Reads one of `zones`.
    fileprivate init(_ given: Fields, notes: inout [String]) throws(APIError) {
        var fields = given
        self.init(
            id: try fields.required("id", try fields.string("id")),
            size: try fields.required("size", try fields.size("size")), field: fields.path)
        backing.file = try fields.path("file")
        backing.hostNode = try fields.number("host_numa_node", 0...UInt32(1023))
        try takeRest(of: &fields, notes: &notes)
        try fields.finish()
    }

    /// Takes the fields that a zone and memory without zones have in common.
    fileprivate mutating func takeRest(of fields: inout Fields, notes: inout [String]) throws(APIError) {
        hotplugSize = try fields.size("hotplug_size")
        hotpluggedSize = try fields.size("hotplugged_size") ?? 0
        backing.isShared = try fields.flag("shared") ?? false
        backing.hasHugePages = try fields.flag("hugepages") ?? false
        backing.hugePageSize = try fields.size("hugepage_size")
        backing.prefault = try fields.flag("prefault") ?? false
        backing.reserve = try fields.flag("reserve") ?? false
        backing.transparentHugePages = try fields.flag("thp") ?? true
        if try fields.flag("mergeable") == true {
            notes.append("\(fields.path(of: "mergeable")): pages are not merged with those of other VMs")
        }
        let sizes = MemoryBackend.HugePageSize.allCases.map { "\($0.rawValue)" }.joined(separator: " or ")
        if let size = backing.hugePageSize {
            guard backing.hasHugePages else {
                throw fields.invalid("hugepage_size", "is for memory with \"hugepages\": true")
            }
            guard MemoryBackend.HugePageSize(rawValue: size) != nil else {
                throw fields.invalid("hugepage_size", "is \(size); it may be \(sizes)")
            }
        }
        if let hotplugSize, deviceSize != hotplugSize {
            notes.append(
                "\(fields.path(of: "hotplug_size")): \(hotplugSize) is not a multiple of the block size"
                    + " \(blockSize); \(deviceSize) bytes can be added")
        }
        guard hotpluggedSize <= deviceSize else {
            throw fields.invalid(
                "hotplugged_size", "is \(hotpluggedSize), more than the hotplug_size \(deviceSize)")
        }
    }
}
