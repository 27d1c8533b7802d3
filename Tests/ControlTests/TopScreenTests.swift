import Configuration
import Control
import Testing

@Suite struct TopScreenTests {
    private func device(_ id: String, requested: UInt64, plugged: UInt64) -> DeviceReport {
        DeviceReport(
            id: id, node: 1, requestedSize: requested, size: plugged, maximumSize: 8 << 30, blockSize: 2 << 20)
    }

    /// A machine with two devices that was looked at twice.
    private func machine(_ name: String) -> MachineTrace {
        var machine = MachineTrace(name: name)
        for plugged: UInt64 in [0, 1 << 30] {
            let devices = [
                device("vm0", requested: 2 << 30, plugged: plugged), device("vm1", requested: 0, plugged: 0),
            ]
            machine.note(.answered(status: "running", devices: devices), resident: 210 << 20)
        }
        return machine
    }

    private func trimmed(_ lines: [String]) -> [String] {
        lines.map { line in String(line.reversed().drop { $0 == " " }.reversed()) }
    }

    @Test func aMachineAndItsDevices() {
        var screen = TopScreen(columns: 80, rows: 8, isUTF8: true)
        let bars = String(repeating: " ", count: 10)
        #expect(
            trimmed(screen.lines(of: [machine("web")])) == [
                "swiftlet top: 1 machine, 2G requested, 1G plugged, 210M resident",
                "NAME   STATUS     REQUESTED            PLUGGED              RESIDENT",
                "web    running        2G \(bars) █      1G \(bars) ▅    210M \(bars) █",
                "  vm0  node 1         2G \(bars) █      1G \(bars) ▅",
                "  vm1  node 1          0 \(bars) ▁       0 \(bars) ▁",
                "", "",
                "q quits, d hides devices",
            ])
    }

    @Test(arguments: [(80, 24), (60, 10), (120, 40), (40, 5), (20, 3), (10, 2), (1, 1), (300, 100)])
    func linesFillTheTerminalAndNoMore(columns: Int, rows: Int) {
        for count in [0, 1, 20] {
            for isUTF8 in [true, false] {
                var screen = TopScreen(columns: columns, rows: rows, isUTF8: isUTF8)
                let machines = (0..<count).map { machine("machine-\($0)" + String(repeating: "x", count: $0)) }
                let lines = screen.lines(of: machines)
                #expect(lines.count == rows)
                #expect(lines.allSatisfy { $0.count == columns }, "\(lines)")
                #expect(isUTF8 || lines.joined().utf8.allSatisfy { $0 < 0x80 })
            }
        }
    }

    @Test func devicesGiveWayToMachines() {
        var screen = TopScreen(columns: 80, rows: 24, isUTF8: true)
        let lines = trimmed(screen.lines(of: (0..<20).map { machine("web\($0)") }))
        #expect(lines[2].hasPrefix("web0 ") && lines[3].hasPrefix("web1 ") && lines[21].hasPrefix("web19 "))
        #expect(lines[23] == "q quits, d shows devices")
        screen.toggleDevices()
        let devices = trimmed(screen.lines(of: (0..<20).map { machine("web\($0)") }))
        #expect(devices[3].hasPrefix("  vm0 "))
        #expect(devices[23] == "39 more below; q quits, d hides devices, arrows scroll")
        screen.toggleDevices()
        #expect(trimmed(screen.lines(of: [machine("web")]))[3] == "")
    }

    @Test func whatIsHiddenIsCountedAndScrolledTo() {
        var screen = TopScreen(columns: 60, rows: 10, isUTF8: true)
        let machines = (0..<20).map { machine("web\($0)") }
        func view() -> (first: Substring, last: Substring, keys: Substring) {
            let lines = screen.lines(of: machines)
            return (lines[2].prefix { $0 != " " }, lines[8].prefix { $0 != " " }, lines[9].prefix { $0 != ";" })
        }
        #expect(view() == ("web0", "web6", "13 more below"))
        screen.perform(.up)
        screen.perform(.down)
        #expect(view() == ("web1", "web7", "1 more above, 12 more below"))
        screen.perform(.pageDown)
        #expect(view() == ("web8", "web14", "8 more above, 5 more below"))
        screen.perform(.end)
        #expect(view() == ("web13", "web19", "13 more above"))
        screen.perform(.pageUp)
        #expect(view() == ("web6", "web12", "6 more above, 7 more below"))
        // A larger screen shows more, and has nothing to scroll to.
        (screen.columns, screen.rows) = (120, 40)
        #expect(screen.lines(of: machines)[2].hasPrefix("web0 "))
        screen.rows = 10
        screen.perform(.end)
        screen.perform(.home)
        #expect(view().first == "web0")
    }

    @Test func longNamesAreCut() {
        var screen = TopScreen(columns: 80, rows: 10, isUTF8: true)
        let lines = screen.lines(of: [machine("a-name-that-is-far-too-long"), machine("网页服务器的名字太长了")])
        #expect(lines[2].hasPrefix("a-name-that-is-…  running  "))
        // Such letters take two columns.
        #expect(lines[5].hasPrefix("网页服务器的名…   running  "))
        screen = TopScreen(columns: 80, rows: 10, isUTF8: false)
        let plain = screen.lines(of: [machine("a-name-that-is-far-too-long"), machine("größe")])
        #expect(plain[2].hasPrefix("a-name-that-is-~  running  "))
        #expect(plain[5].hasPrefix("gr??e             running  "))
    }

    @Test func aMachineThatDoesNotAnswerIsShown() {
        var screen = TopScreen(columns: 80, rows: 8, isUTF8: false)
        var web = machine("web")
        web.note(.silent, resident: 300 << 20)
        let silent = trimmed(screen.lines(of: [web]))
        #expect(silent[0] == "swiftlet top: 1 machine, 0 requested, 0 plugged, 300M resident")
        #expect(silent[2].hasPrefix("web    no answer       - "))
        #expect(silent[2].contains(" 300M "))
        #expect(silent[3].hasPrefix("  vm0  node 1          - "))
        web.note(.answered(status: "paused", devices: []), resident: 300 << 20)
        #expect(trimmed(screen.lines(of: [web]))[2].hasPrefix("web   paused          0 "))
        // Before it has had time to.
        var fresh = MachineTrace(name: "fresh")
        fresh.note(.waiting, resident: 0)
        #expect(trimmed(screen.lines(of: [fresh]))[2].hasPrefix("fresh                  - "))
    }

    @Test func withoutMachinesTheWayToOneIsTold() {
        var screen = TopScreen(columns: 80, rows: 8, isUTF8: true)
        let lines = trimmed(screen.lines(of: []))
        #expect(lines[0] == "swiftlet top: 0 machines, 0 requested, 0 plugged, 0 resident")
        #expect(lines[2] == "no machine that has a name runs; 'swiftlet run --name NAME' gives one")
    }

    private static let sizes: [(UInt64, String)] = [
        (0, "     0"), (1_000, "  1000"), (.mebibytes(3) / 6, "  512K"), (.gibibytes(3), "    3G"),
        (.mebibytes(3_584), " 3584M"), (.mebibytes(210) + 1_234, "  210M"), (.mebibytes(1_234_567), "  1.1T"),
        (.mebibytes(123_457), "120.5G"), (.gibibytes(5 << 20), " 5120T"),
    ]

    @Test(arguments: sizes)
    func sizesAreShort(size: UInt64, text: String) {
        var screen = TopScreen(columns: 80, rows: 8, isUTF8: true)
        var machine = MachineTrace(name: "web")
        machine.note(.answered(status: "running", devices: []), resident: size)
        let line = screen.lines(of: [machine])[2]
        #expect(line.contains("\(text) "), "\(line)")
    }
}
