import Testing

@testable import Monitor

@Suite struct MonitorCommandTests {
    @Test(
        arguments: [
            ("info memory-devices", .info(.memoryDevices)), ("info memory-slots", .info(.memorySlots)),
            ("info name", .info(.name)), ("info numa", .info(.numa)), ("info status", .info(.status)),
            ("qom-get vm0 size", .get(device: "vm0", property: "size")),
            ("qom-get /machine/peripheral/vm0 size", .get(device: "vm0", property: "size")),
            ("qom-set vm0 requested-size 1G", .set(device: "vm0", property: "requested-size", value: "1G")),
            ("qom-set  /machine/peripheral/a.b-c_d\tx  y ", .set(device: "a.b-c_d", property: "x", value: "y")),
            ("qom-get /machine/other/vm0 size", .get(device: "/machine/other/vm0", property: "size")),
            ("stop", .stop), ("s", .stop), ("cont", .resume), ("c", .resume), ("system_reset", .reset),
            ("system_powerdown", .powerDown), ("quit", .quit), ("q", .quit), ("help", .help), ("?", .help),
            ("help info", .help), (" \t help", .help), ("", nil), (" ", nil), ("\r", nil),
        ] as [(String, MonitorCommand?)])
    func linesAreCommands(line: String, command: MonitorCommand?) throws {
        #expect(try MonitorCommand.parse(line) == command)
    }

    @Test(arguments: ["i", "inf", "stopp", "STOP", "system-reset", "exit", "\u{0}", "info\u{0}status", "qom_set a b c"])
    func otherLinesAreNot(line: String) {
        #expect(throws: MonitorCommand.SyntaxError.self) { try MonitorCommand.parse(line) }
    }
}
