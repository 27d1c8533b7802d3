import Configuration
import GuestMemory
import Host
import TestSupport
import Testing
import VirtioMem

@testable import Machine
@testable import Monitor

@Suite struct MonitorTests {
    private static let devices = [
        MemoryDeviceStatus(
            id: "vm0", address: 0x1_0000_0000, node: 0, requestedSize: 128 << 20, pluggedSize: 126 << 20,
            usableSize: 2 << 30, regionSize: 8 << 30, blockSize: 2 << 20),
        MemoryDeviceStatus(
            id: "vm1", address: 0x3_0000_0000, node: 1, requestedSize: 80 << 20, pluggedSize: 0, usableSize: 2 << 30,
            regionSize: 8 << 30, blockSize: 4 << 20),
    ]
    private static let slots = [
        MemorySlotStatus(addresses: 0..<0x2000_0000, name: "ram"),
        MemorySlotStatus(addresses: 0x1_0000_0000..<0x1_0800_0000, name: "vm0"),
    ]

    private let machine = FakeMachine(devices: devices, slots: slots)
    private let monitor: Monitor

    init() {
        let configuration = MachineConfiguration(
            name: "box", processors: 4, memory: .gibibytes(4),
            nodes: [
                NUMANode(id: 1, processors: [3, 2], memory: .gibibytes(1)),
                NUMANode(id: 0, processors: [0, 1], memory: .gibibytes(3)), NUMANode(id: 2),
            ])
        monitor = Monitor(machine: machine, configuration: configuration)
    }

    private func answer(_ line: String) -> String {
        switch monitor.execute(line) {
        case .text(let text): text
        case .quit: "<quit>"
        }
    }

    // MARK: info

    @Test func memoryDevicesAreShownFieldByField() {
        #expect(
            answer("info memory-devices") == """
                Memory device [virtio-mem]: "vm0"
                  memaddr: 0x100000000
                  node: 0
                  requested-size: 134217728
                  size: 132120576
                  max-size: 8589934592
                  block-size: 2097152
                  memdev: /objects/vm0-mem
                Memory device [virtio-mem]: "vm1"
                  memaddr: 0x300000000
                  node: 1
                  requested-size: 83886080
                  size: 0
                  max-size: 8589934592
                  block-size: 4194304
                  memdev: /objects/vm1-mem

                """)
    }

    @Test func memoryDevicesAreExplained() {
        let range = VirtioMemBlockRange(address: GuestAddress(4 << 30), count: 64)
        var activity = RequestActivity()
        activity.plug.acknowledged = 8
        activity.unplug.busy = 1
        activity.last = RequestActivity.Exchange(.unplug(range), .busy)
        let stalled = ResizeSituation(
            requestedSize: 0, pluggedSize: 1 << 30, regionSize: 8 << 30, blockSize: 2 << 20,
            driver: .running(features: 1 << 32 | 2), activity: activity, refusal: .tooFragmented, idleTime: 12_345,
            timeWithoutProgress: 61_000, reminders: 17)
        var idle = ResizeSituation(
            requestedSize: 0, pluggedSize: 0, regionSize: 8 << 30, blockSize: 2 << 20, driver: .absent)
        let machine = FakeMachine(details: [
            MemoryDeviceDetails(
                status: Self.devices[0], diagnosis: ResizeDiagnosis(of: stalled), undiscardedSize: 4096,
                discardFailure: SystemCallError("madvise", .noMemory)),
            MemoryDeviceDetails(
                status: Self.devices[1], diagnosis: ResizeDiagnosis(of: idle), undiscardedSize: 0, discardFailure: nil),
        ])
        let monitor = Monitor(machine: machine, configuration: MachineConfiguration())
        let plain = answer("info memory-devices").split(separator: "Memory device").map { "Memory device" + $0 }
        #expect(
            monitor.execute("info memory-devices -v")
                == .text(
                    plain[0] + """
                          driver: running, with features 0x100000002
                          requests: plug 8 (8 done), unplug 1 (1 busy)
                          last-request: unplug 64 blocks at 0x100000000: busy
                          idle: 12.3 s
                          since-progress: 61.0 s
                          reminders: 17
                          host-refusal: the plugged blocks are in more pieces than the host has mappings for
                          not-taken-back: 4096 (\(SystemCallError("madvise", .noMemory)))
                          why: the host refuses what the guest's driver asks for: the plugged blocks are in more pieces \
                        than the host has mappings for
                          try: raise vm.max_map_count on the host, or use larger blocks with block-size=; the driver is \
                        made to try again

                        """ + plain[1] + """
                              driver: none
                              requests: none
                              last-request: none
                              idle: 0.0 s
                              since-progress: 0.0 s
                              reminders: 0

                            """))
        idle.driver = .refused(features: 1 << 32)
        let refused = FakeMachine(details: [
            MemoryDeviceDetails(
                status: Self.devices[1], diagnosis: ResizeDiagnosis(of: idle), undiscardedSize: 0, discardFailure: nil)
        ])
        guard
            case .text(let text) = Monitor(machine: refused, configuration: MachineConfiguration())
                .execute("info memory-devices -v")
        else { return }
        #expect(text.contains("  driver: refused, with features 0x100000000\n"))
        #expect(
            text.contains("  try: use a newer kernel, or start with --virtio-mem ...,unplugged-inaccessible=auto\n"))
    }

    @Test func memorySlotsAreShownLineByLine() {
        #expect(
            answer("info memory-slots") == """
                0x0-0x1fffffff 536870912 ram
                0x100000000-0x107ffffff 134217728 vm0

                """)
    }

    @Test func nodesAreShownInTheirOrderWithWhatIsPlugged() {
        #expect(
            answer("info numa") == """
                3 nodes
                node 0 cpus: 0 1
                node 0 size: 3198 MB
                node 0 plugged: 126 MB
                node 1 cpus: 2 3
                node 1 size: 1024 MB
                node 1 plugged: 0 MB
                node 2 cpus:
                node 2 size: 0 MB
                node 2 plugged: 0 MB

                """)
    }

    @Test func aMachineWithoutNodesHasNone() {
        let monitor = Monitor(machine: FakeMachine(), configuration: MachineConfiguration())
        #expect(monitor.execute("info numa") == .text("0 nodes\n"))
        #expect(monitor.execute("info memory-devices") == .text(""))
        #expect(monitor.execute("info memory-slots") == .text(""))
        #expect(monitor.execute("info name") == .text("swiftlet\n"))
    }

    @Test func theStatusIsShown() {
        for (state, text) in [
            (.running, "VM status: running\n"), (.paused, "VM status: paused\n"),
            (.guestFailed, "VM status: paused (internal-error)\n"),
            (.violation, "VM status: paused (guest access to unplugged memory)\n"),
            (.memoryUnavailable, "VM status: paused (no memory on the host)\n"),
        ] as [(MachineState, String)] {
            machine.set(state)
            #expect(answer("info status") == text)
        }
    }

    @Test func theNameIsShown() {
        #expect(answer("info name") == "box\n")
        #expect(machine.takeCalls() == [], "nobody is asked for it")
    }

    // MARK: Properties

    @Test(
        arguments: [
            ("requested-size", "134217728"), ("size", "132120576"), ("max-size", "8589934592"),
            ("block-size", "2097152"), ("node", "0"), ("memaddr", "4294967296"), ("memdev", "\"/objects/vm0-mem\""),
        ])
    func propertiesAreShown(property: String, value: String) {
        #expect(answer("qom-get vm0 \(property)") == value + "\n")
        #expect(answer("qom-get /machine/peripheral/vm0 \(property)") == value + "\n")
    }

    @Test func propertiesThatDoNotExistAreNamed() {
        #expect(
            answer("qom-get vm0 colour")
                == "Error: vm0 has no property 'colour', but: requested-size, size, max-size, block-size, node, memaddr,"
                + " memdev\n")
        #expect(answer("qom-get vm7 size") == "Error: no memory device is called vm7\n")
        #expect(
            answer("qom-set vm0 size 1G") == "Error: property 'size' of vm0 can't be set; requested-size can\n")
        #expect(machine.takeCalls() == ["memoryDevices", "memoryDevices"], "nothing was changed")
    }

    @Test func theRequestedSizeIsSet() {
        for (text, bytes) in [("1G", 1 << 30), ("80M", 80 << 20), ("0", 0), ("2097152", 2 << 20), ("1g", 1 << 30)] {
            #expect(answer("qom-set vm1 requested-size \(text)") == "")
            #expect(machine.takeCalls() == ["setRequestedSize \(bytes) of vm1"])
        }
        #expect(answer("qom-set /machine/peripheral/vm1 requested-size 4M") == "")
        #expect(machine.takeCalls() == ["setRequestedSize 4194304 of vm1"])
    }

    @Test func sizesThatAreNoneAreNamed() {
        #expect(
            answer("qom-set vm1 requested-size lots")
                == "Error: vm1: requested-size: \"lots\" is not a size: give bytes, or a number with K, M, G or T\n")
        #expect(
            answer("qom-set vm1 requested-size 99999999999T")
                == "Error: vm1: requested-size: 99999999999T is too large: sizes end below 16777216T\n")
        #expect(machine.takeCalls() == [])
    }

    @Test func sizesThatTheDeviceCanNotHaveAreExplained() {
        machine.fail(with: .requestedSize(device: "vm0", .unaligned(requested: 3 << 20, blockSize: 2 << 20)))
        #expect(
            answer("qom-set vm0 requested-size 3M")
                == "Error: vm0: requested-size 3M is not a multiple of the block size 2M\n")
        machine.fail(with: .requestedSize(device: "vm0", .tooLarge(requested: 9 << 30, region: 8 << 30)))
        #expect(
            answer("qom-set vm0 requested-size 9G")
                == "Error: vm0: requested-size 9G is more than the size 8G of the device\n")
    }

    // MARK: Commands

    @Test(
        arguments: [
            ("stop", "pause"), ("s", "pause"), ("cont", "resume"), ("c", "resume"), ("system_reset", "reset"),
            ("system_powerdown", "pressPowerButton"), ("  stop \t", "pause"),
            ("balloon 512", "setBalloon 536870912"), ("balloon 3G", "setBalloon 3221225472"),
        ])
    func commandsReachTheMachineAndSayNothing(line: String, call: String) {
        #expect(answer(line) == "")
        #expect(machine.takeCalls() == [call])
    }

    @Test func theBalloonIsToldAsQEMUTellsIt() {
        #expect(answer("info balloon") == "balloon: actual=3584\n")
        machine.removeBalloon()
        let problem = "Error: the machine has no balloon; 'swiftlet run --balloon size=0' gives it one\n"
        #expect(answer("info balloon") == problem)
        #expect(answer("balloon 512") == problem)
    }

    @Test func quittingIsTheOwnersBusiness() {
        #expect(monitor.execute("quit") == .quit)
        #expect(monitor.execute("q") == .quit)
        #expect(machine.takeCalls() == [])
    }

    @Test func emptyLinesDoNothing() {
        for line in ["", "   ", "\t"] { #expect(answer(line) == "") }
        #expect(machine.takeCalls() == [])
    }

    @Test func mistakesAreAnswered() {
        let subjects = "balloon, memory-devices, memory-slots, name, numa, status"
        for (line, text) in [
            ("frobnicate", "unknown command: 'frobnicate'; type 'help' for a list"),
            ("INFO status", "unknown command: 'INFO'; type 'help' for a list"),
            ("info", "info takes one of: \(subjects)"), ("info status now", "info takes one of: \(subjects)"),
            ("info weather", "unknown command: 'info weather'; info takes one of: \(subjects)"),
            ("qom-get vm0", "qom-get takes 2 words: qom-get ID PROPERTY"),
            ("qom-get vm0 size 3", "qom-get takes 2 words: qom-get ID PROPERTY"),
            ("qom-set vm0 size", "qom-set takes 3 words: qom-set ID PROPERTY VALUE"),
            ("qom-set", "qom-set takes 3 words: qom-set ID PROPERTY VALUE"),
            ("balloon", "balloon takes 1 word: balloon SIZE"),
            ("balloon all", "balloon: \"all\" is not a size: give bytes, or a number with K, M, G or T"),
            ("balloon 0", "balloon: \"0\" is not a size: give bytes, or a number with K, M, G or T"),
            ("stop now", "stop takes nothing behind it"), ("quit now", "quit takes nothing behind it"),
        ] {
            #expect(answer(line) == text + "\n", "\(line)")
        }
        #expect(machine.takeCalls() == [])
    }

    @Test func aMachineThatHasEndedSaysSo() {
        machine.fail(with: .ended)
        for line in [
            "info status", "info memory-devices", "info memory-devices -v", "info memory-slots", "info numa",
            "qom-get vm0 size", "stop",
        ] {
            #expect(answer(line) == "Error: the machine has ended\n")
        }
        #expect(monitor.execute("quit") == .quit)
    }

    @Test func helpNamesEveryCommand() {
        let help = answer("help")
        #expect(help == answer("?"))
        let lines = help.split(separator: "\n")
        #expect(lines.count == 16)
        for command in [
            "info balloon", "balloon SIZE", "info memory-devices", "info memory-devices -v", "info memory-slots",
            "info name", "info numa",
            "info status", "qom-get ID PROPERTY", "qom-set ID requested-size SIZE", "stop", "cont", "system_reset",
            "system_powerdown", "quit", "help",
        ] {
            #expect(lines.contains { $0.hasPrefix(command + " ") }, "\(command)")
        }
        let columns = Set(lines.map { line in line.distance(from: line.startIndex, to: Self.helpStart(of: line)) })
        #expect(columns.count == 1, "the explanations are below each other")
    }

    /// Where the explanation begins: behind the first two blanks in a row.
    private static func helpStart(of line: Substring) -> Substring.Index {
        var index = line.firstRange(of: "  ")?.lowerBound ?? line.endIndex
        while index < line.endIndex, line[index] == " " { index = line.index(after: index) }
        return index
    }

    @Test func greetingAndPromptAreAsTheyAre() {
        #expect(Monitor.greeting == "Swiftlet monitor - type 'help' for more information\n")
        #expect(Monitor.prompt == "(swiftlet) ")
    }

    /// Whatever is typed is answered.
    @Test func anyLineIsAnswered() {
        var random = SeededGenerator(seed: 7)
        let words = [
            "info", "qom-set", "qom-get", "vm0", "requested-size", "1G", "-1", "stop", "status", "/machine/peripheral/",
            "\u{0}", "é", "99999999999999999999", "\u{1F600}", "=", "'", "\"", "size", "help", "memory-slots",
        ]
        for _ in 0..<2000 {
            let line = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                words.randomElement(using: &random) ?? ""
            }.joined(separator: Bool.random(using: &random) ? " " : "\t ")
            let text = answer(line)
            #expect(text.isEmpty || text.hasSuffix("\n"), "\(line)")
        }
    }
}
