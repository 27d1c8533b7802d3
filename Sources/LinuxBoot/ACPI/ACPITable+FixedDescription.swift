extension ACPITable {
    /// FADT, revision 6 (ACPI specification 6.4, 5.2.9), of a platform without fixed hardware.
    static func fixedDescription(differentiatedDescription: UInt64) -> ACPITable {
        // Offsets are those of the specification, from the start of the table.
        var table = [UInt8](repeating: 0, count: 276)
        table.store(littleEndian: UInt32(truncatingIfNeeded: differentiatedDescription), at: 40)
        table.store(littleEndian: bootArchitecture, at: 109)
        table.store(littleEndian: featureFlags, at: 112)
        table.replaceSubrange(116..<128, with: byteRegister(port: PlatformPorts.reset))
        table[128] = PlatformPorts.resetValue
        table[131] = 4  // minor version
        table.store(littleEndian: differentiatedDescription, at: 140)
        table.replaceSubrange(244..<256, with: byteRegister(port: PlatformPorts.sleepControl))
        table.replaceSubrange(256..<268, with: byteRegister(port: PlatformPorts.sleepStatus))
        table.replaceSubrange(268..<276, with: "SWIFTLET".utf8)  // hypervisor vendor
        return ACPITable(signature: "FACP", revision: 6, body: Array(table[headerSize...]))
    }

    /// IAPC_BOOT_ARCH (5.2.9.3): what a PC would have. Without bit 5 Linux polls an absent clock for six seconds.
    private static var bootArchitecture: UInt16 {
        1 << 2  // no VGA
            | 1 << 3  // no message-signalled interrupts: there is no PCI
            | 1 << 4  // nor its power management
            | 1 << 5  // no CMOS clock
    }

    /// Feature flags (5.2.9, table 5.10).
    private static var featureFlags: UInt32 {
        1 << 0  // WBINVD works
            | 1 << 4  // no fixed power button: it is a device
            | 1 << 5  // nor a sleep button
            | 1 << 6  // nor a clock that wakes
            | 1 << 10  // the reset register is supported
            | 1 << 20  // hardware-reduced
    }

    /// A generic address structure (5.2.3.2) of one byte in I/O space.
    private static func byteRegister(port: UInt16) -> [UInt8] {
        var bytes: [UInt8] = [1, 8, 0, 1]  // I/O space, 8 bits, at bit 0, byte access
        bytes.append(littleEndian: UInt64(port))
        return bytes
    }
}
