extension ACPITable {
    /// DSDT: devices that a system can't find by itself, and how to switch off.
    static func differentiatedDescription(_ platform: ACPIPlatform) -> ACPITable {
        var devices: [AMLTerm] = []
        if let serial = platform.serialPort {
            devices.append(serialPort(serial))
        }
        if let gsi = platform.powerButtonGSI {
            devices += powerButton(gsi: gsi)
        }
        for (index, device) in platform.virtioDevices.enumerated() {
            devices.append(virtioDevice(device, index: index))
        }
        // The second element is for a second power register, which there is none of.
        let softOff = AMLValue.package([.integer(UInt64(PlatformPorts.softOffSleepType)), .integer(0)])
        let terms: [AMLTerm] = [.scope("_SB_", devices), .name("_S5_", softOff)]
        return ACPITable(signature: "DSDT", revision: 2, body: terms.encoded)
    }

    private static func serialPort(_ serial: ACPIPlatform.SerialPort) -> AMLTerm {
        .device(
            "COM1",
            [
                .name("_HID", .eisaID("PNP0501")),
                .name("_UID", .integer(0)),
                .name(
                    "_CRS",
                    .resources([
                        .ports(first: serial.port, count: 8),
                        .edgeInterrupt(gsi: serial.gsi, isShared: false),
                    ])),
            ])
    }

    /// The button, and the generic event device (ACPI 5.6.9) that tells the button's driver of a pulse: there is no
    /// system control interrupt that could.
    private static func powerButton(gsi: UInt32) -> [AMLTerm] {
        let button: AMLName = "PWRB"
        return [
            .device(button, [.name("_HID", .eisaID("PNP0C0C")), .name("_UID", .integer(0))]),
            .device(
                "GED_",
                [
                    .name("_HID", .string("ACPI0013")),
                    .name("_UID", .integer(0)),
                    .name("_CRS", .resources([.edgeInterrupt(gsi: gsi, isShared: false)])),
                    .method(
                        "_EVT", argumentCount: 1, isSerialized: true,
                        [.ifFirstArgumentEquals(UInt64(gsi), [.notify(button, value: 0x80)])]),
                ]),
        ]
    }

    private static func virtioDevice(_ device: ACPIPlatform.VirtioDevice, index: Int) -> AMLTerm {
        .device(
            AMLName(prefix: "V", index: index),
            [
                .name("_HID", .string("LNRO0005")),
                .name("_UID", .integer(UInt64(index))),
                .name("_CCA", .integer(1)),
                .name(
                    "_CRS",
                    .resources([
                        .memory(start: device.address, size: device.size),
                        .edgeInterrupt(gsi: device.gsi, isShared: device.isInterruptShared),
                    ])),
            ])
    }
}
