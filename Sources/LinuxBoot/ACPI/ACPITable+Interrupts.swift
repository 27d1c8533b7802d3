extension ACPITable {
    /// MADT (ACPI specification 6.4, 5.2.12): local interrupt controllers, and one I/O APIC for all lines.
    ///
    /// No interrupt source override is needed: every line is edge-triggered and active high, or says so in the DSDT.
    static func multipleInterruptControllers(_ platform: ACPIPlatform) -> ACPITable {
        var body: [UInt8] = []
        body.append(littleEndian: UInt32(0xfee0_0000))  // local APICs
        body.append(littleEndian: UInt32(0))  // no 8259 that the system should use
        for (uid, processor) in processorsWithIDs(platform) {
            if let apicID = processor.shortAPICID {
                body += [0, 8, UInt8(truncatingIfNeeded: uid), apicID]  // local APIC
                body.append(littleEndian: enabled)
            } else {
                body += [9, 16, 0, 0]  // local x2APIC
                body.append(littleEndian: processor.apicID)
                body.append(littleEndian: enabled)
                body.append(littleEndian: uid)
            }
        }
        body += [1, 12, 0, 0]  // I/O APIC 0
        body.append(littleEndian: UInt32(0xfec0_0000))
        body.append(littleEndian: UInt32(0))  // first global system interrupt
        return ACPITable(signature: "APIC", revision: 5, body: body)
    }

    /// Processors with the numbers that other tables may name them by.
    private static func processorsWithIDs(_ platform: ACPIPlatform) -> [(UInt32, ACPIPlatform.Processor)] {
        platform.processors.enumerated().map { (UInt32($0.offset), $0.element) }
    }

    private static var enabled: UInt32 { 1 }
}

extension ACPIPlatform.Processor {
    /// The id as structures from before x2APIC hold it; nil where it is too large (255 means all processors there).
    var shortAPICID: UInt8? {
        apicID < 255 ? UInt8(apicID) : nil
    }
}
