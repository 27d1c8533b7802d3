import JSON

extension Fields {
    /// What `VmConfig` has and a VM here has not, and what becomes of a client that asks for it.
    private enum Absent {
        /// An array; refused unless it is empty.
        case devices(String)
        /// An object; refused.
        case device(String)
        /// An array or object that a guest does without.
        case dispensable(String)
        /// A flag; refused when it is true.
        case feature(String)
        /// A flag that a guest does without.
        case dispensableFeature(String)
    }

    private static let absent: [(name: String, treatment: Absent)] = [
        ("generic_vhost_user", .devices("vhost-user devices")), ("pmem", .devices("pmem devices")),
        ("devices", .devices("VFIO devices")), ("user_devices", .devices("user devices")),
        ("vdpa", .devices("vDPA devices")),
        ("tpm", .device("TPM")), ("rtc", .dispensable("the guest has KVM's clock")),
        ("rate_limit_groups", .devices("rate limits")),
        ("pci_segments", .dispensable("there is no PCI bus")),
        ("watchdog", .feature("watchdog")), ("iommu", .feature("IOMMU")),
        ("landlock_enable", .feature("Landlock sandbox")), ("landlock_rules", .devices("Landlock rules")),
        ("pvpanic", .dispensableFeature("a guest's panic restarts it")),
    ]

    /// Takes the fields of `VmConfig` that there is nothing for.
    ///
    /// - Parameter notes: receives those that are accepted without effect.
    /// - Throws: `APIError` 400 for what somebody may rely on.
    mutating func takeAbsentDevices(notes: inout [String]) throws(APIError) {
        for (name, treatment) in Self.absent {
            switch treatment {
            case .devices(let text):
                guard try array(name)?.isEmpty != false else { throw invalid(name, "a VM can't have \(text) yet") }
            case .device(let text):
                guard try object(name) == nil else { throw invalid(name, "a VM can't have a \(text) yet") }
            case .feature(let text):
                guard try flag(name) != true else { throw invalid(name, "a VM can't have a \(text) yet") }
            case .dispensable(let text):
                switch take(name) {
                case nil, .array([])?: break
                case .object?, .array?: notes.append("\(path(of: name)): without effect: \(text)")
                default: throw invalid(name, "must be an object or an array")
                }
            case .dispensableFeature(let text):
                if try flag(name) == true { notes.append("\(path(of: name)): without effect: \(text)") }
            }
        }
        if var console = try object("debug_console") {
            let mode = try console.choice("mode", as: VMConsole.Mode.self)
            guard [.off, .null].contains(mode) else {
                throw console.invalid("mode", "must be Off: a VM can't have a debug console; use serial")
            }
        }
        if var platform = try object("platform") { try platform.takePlatform(notes: &notes) }
    }

    /// Takes `PlatformConfig`: what identifies a machine to its guest, and what makes it a confidential one.
    private mutating func takePlatform(notes: inout [String]) throws(APIError) {
        for name in ["tdx", "sev_snp"] where try flag(name) == true {
            throw invalid(name, "there are no confidential VMs")
        }
        for name in ["iommufd", "vfio_p2p_dma"] where try flag(name) != nil {
            notes.append("\(self.path(of: name)): without effect: there are no VFIO devices")
        }
        guard try array("iommu_segments")?.isEmpty != false else {
            throw invalid("iommu_segments", "a VM can't have an IOMMU yet")
        }
        for name in ["num_pci_segments", "iommu_address_width_bits"] where try number(name, 0...UInt32.max) != nil {
            notes.append("\(self.path(of: name)): without effect: there is no PCI bus, and no IOMMU")
        }
        var isIdentified = try array("oem_strings")?.isEmpty == false
        for name in [
            "system_serial_number", "serial_number", "system_uuid", "uuid", "system_manufacturer",
            "system_product_name", "system_version", "system_family", "system_sku_number", "chassis_asset_tag",
        ] where try string(name) != nil {
            isIdentified = true
        }
        if isIdentified { notes.append("\(path): without effect: guests have no SMBIOS tables to read it from") }
        try finish()
    }

    /// Takes the fields that every PCI device has, but for its identifier.
    mutating func ignorePCI() throws(APIError) {
        guard try flag("iommu") != true else { throw invalid("iommu", "a VM can't have an IOMMU yet") }
        for name in ["pci_segment", "pci_device_id"] { _ = try number(name, 0...UInt32.max) }
    }

    /// Takes the fields by which a device is served by another process.
    mutating func refuseVhostUser() throws(APIError) {
        guard try flag("vhost_user") != true, try string("vhost_socket") == nil else {
            throw invalid("vhost_user", "of vhost-user devices, a VM can have those of fs alone")
        }
        _ = try string("vhost_mode")
    }

    /// Takes the fields that bound what a device does in a second. A limit that is not kept is refused: somebody may rely
    /// on it.
    mutating func refuseRateLimits() throws(APIError) {
        for name in ["rate_limiter_config", "rate_limit_group"] where take(name) != nil {
            throw invalid(name, "the rates of devices can't be limited yet")
        }
    }
}
