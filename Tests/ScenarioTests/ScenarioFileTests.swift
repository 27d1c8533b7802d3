import Control
import Testing

@testable import Scenario

/// What stands in a scenario's file beside its steps.
struct ScenarioFileTests {
    @Test func allOfItIsRead() throws {
        let scenario = try parse(
            """
            scenario: grow
            about: It grows.
            tags: [quick, claim]
            timeout: 2m
            interval: 250ms
            guest: {kernel: "6.12", image: kdump, online: auto-movable, init-on-alloc: off, command-line: quiet}
            machine:
              cpus: 2
              virtio-mem: [{id: vm0, size: 1G}, "id=vm1,size=2G"]
            invariants:
              plugged-within-requested: 30s
              data-intact: false
              host.resident: <= 1G
            must-fail: {kind: guest-hung, message: silent}
            steps:
              - settle
            """
        ).cases[0].scenario
        #expect(scenario.name == "grow" && scenario.about == "It grows." && scenario.tags == ["quick", "claim"])
        #expect(scenario.timeout == 120_000 && scenario.interval == 250)
        #expect(scenario.guest.kernel == "6.12" && scenario.guest.image == .kdump)
        #expect(
            scenario.guest.words
                == "memory_hotplug.online_policy=auto-movable memhp_default_state=online init_on_alloc=0 quiet")
        #expect(scenario.machine.arguments(beside: []).first == "--cpus=2" && scenario.devices == ["vm0", "vm1"])
        #expect(scenario.invariants.settling == 30_000 && !scenario.invariants.keepsData)
        #expect(scenario.invariants.hasNoViolations && scenario.invariants.conditions.count == 1)
        #expect(scenario.failure == ExpectedFailure(kind: .guestHung, message: "silent"))
        #expect(scenario.steps.count == 1 && scenario.steps[0].line == 16)
    }

    @Test func littleIsEnough() throws {
        let scenario = try ScenarioFile(parsing: Array("steps: [settle]".utf8), path: "dir/small.yaml").cases[0]
            .scenario
        #expect(scenario.name == "small" && scenario.timeout == 300_000 && scenario.interval == 500)
        #expect(scenario.invariants.keepsData && scenario.invariants.hasNoViolations && scenario.failure == nil)
        #expect(scenario.guest == GuestChoice() && scenario.guest.words.isEmpty)
    }

    /// (text, line, a part of the message)
    @Test(arguments: [
        ("", 1, "expected a scenario"),
        ("- settle", 1, "the scenario: expected a mapping with scenario, about"),
        ("steps: [settle]\nsteps: [settle]", 2, "\"steps\" is given twice"),
        ("machine: {}\n", 1, "expected 'steps:'"),
        ("steps: [settle]\nsteps2: 1", 2, "there is no \"steps2\"; there are scenario, about"),
        ("steps: settle", 1, "steps: expected a list"),
        ("steps: []", 1, "steps: expected a list"),
        ("steps: [settle]\ntimeout: 5", 2, "timeout: \"5\" is not a duration"),
        ("steps: [settle]\ninterval: 1ms", 2, "interval: expected a duration from 50ms to 1m"),
        ("steps: [settle]\nmachine:\n  memery: 1G", 3, "machine: no option is called \"memery\""),
        ("steps: [settle]\nguest:\n  image: big", 3, "image: expected one of guest, kdump, not \"big\""),
        ("steps: [settle]\nguest:\n  init-on-alloc: maybe", 3, "init-on-alloc: expected true or false"),
        ("steps: [settle]\ninvariants:\n  guest.blocks.some: 1", 3, "\"guest.blocks.some\" is no figure"),
        ("steps: [settle]\ninvariants:\n  guest.boots: unchanged 5s", 3, "\"unchanged\" is for steps that wait"),
        ("steps: [settle]\nmust-fail:\n  kind: burnt", 3, "kind: expected one of check, invariant"),
        ("steps: [settle]\nmust-fail: {message: x}", 2, "must-fail: expected the failure's kind"),
        ("steps: [settle]\nmachine:\n  serial: stdio", 3, "machine: serial is the scenario's own"),
        ("steps: [settle]\nmachine: {kernel: x}\nguest: {kernel: y}", 3, "guest: its kernel and image"),
        ("steps: [settle]\n\tx", 2, ""),
        ("steps: [settle]\nmachine:\n\tmemory: 1G", 3, "a tab: spaces indent"),
        ("steps:\n  - guest: echo \"ready: x\"", 2, "a text with a colon and a space in it needs quotes"),
        ("matrix: {a: 1}\nsteps:\n  - resize: {vm0: ${{ a }}}", 3, "a text with ${{ }} needs quotes"),
        ("steps: [settle]\ninvariants: {data-intakt: true}", 2, "invariants: there is no \"data-intakt\"; there are"),
        (
            "steps:\n  - check:\n      guest.boots: >= 1", 3,
            "a text that begins with > needs quotes, as in \">= 1G\""
        ),
    ])
    func mistakesAreToldWithTheirLine(text: String, line: Int, message: String) throws {
        let error = try mistake { try parse(text) }
        #expect(error.line == line && error.file == "test.yaml")
        #expect(error.message.contains(message), "\(error.message)")
        #expect(error.description == "test.yaml:\(line): \(error.message)")
    }

    /// So that a file need not be mended mistake by mistake.
    @Test func allMistakesAreToldAtOnce() throws {
        let errors = try #require(throws: ScenarioErrors.self) {
            try parse(
                """
                timeout: soon
                matrix: {a: [1, 2]}
                machine:
                  memery: 1G
                  detach: true
                  virtio-mem: [[a]]
                guest:
                  imag: big
                  online: maybe
                invariants:
                  host.x: 1
                  data-intakt: true
                steps:
                  - jump
                  - settle
                  - repeat:
                      times: 2
                      steps: [settle, {wait: soon}, hop]
                  - check:
                      vm0.pluged: 1
                      vm0.plugged: "${{ a }}"
                      host.slot: 1
                  - guest: {rum: x}
                must-fail: {kind: burnt}
                """)
        }.errors
        #expect(errors.map(\.line) == [1, 4, 5, 6, 8, 9, 11, 12, 14, 18, 20, 22, 23, 24])
    }

    /// Names are looked at in all steps, and machines also where something else is wrong.
    @Test func namesAndMachinesAreToldAtOnce() throws {
        let text = """
            machine:
              cpus: 2
              memory: 5
            steps:
              - check: {before: 1}
              - workload: {stop: x}
              - parallel: [{check: {other: 1}}, settle]
            """
        func read(_ text: String) throws -> ScenarioFile {
            try ScenarioFile(parsing: Array(text.utf8), path: "x") { machine in
                machine.entries.contains { $0.value == "5" } ? ("--memory 5", "too little") : nil
            }
        }
        let names = try #require(throws: ScenarioErrors.self) {
            try read(text.replacing("memory: 5", with: "memory: 1G"))
        }
        #expect(names.errors.map(\.line) == [5, 6, 7])
        let machine = try #require(throws: ScenarioErrors.self) { try read(text + "\n  - hop") }
        #expect(machine.errors.map(\.description).first == "x:3: machine: too little")
        #expect(machine.errors.map(\.line) == [3, 8])
    }
}
