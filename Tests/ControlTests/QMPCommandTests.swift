import JSON
import QMPProtocol
import Testing

@testable import Machine
@testable import QMP

/// What QMP's commands do, and what they return.
@Suite struct QMPCommandTests {
    private let fixture = QMPFixture()

    private func answer(_ command: String, _ arguments: JSONValue? = nil) -> JSONValue {
        var session = fixture.session()
        var request: [JSONValue.Member] = [.init("execute", .string(command))]
        if let arguments { request.append(.init("arguments", arguments)) }
        let answers = session.say(String(decoding: JSONValue.object(request).text, as: UTF8.self))
        #expect(answers.count == 1)
        return answers.first ?? .null
    }

    private func returned(_ command: String, _ arguments: JSONValue? = nil) -> JSONValue? {
        answer(command, arguments)["return"]
    }

    private func error(_ command: String, _ arguments: JSONValue? = nil) -> [JSONValue?] {
        let error = answer(command, arguments)["error"]
        return [error?["class"], error?["desc"]]
    }

    @Test func queries() {
        #expect(returned("query-name") == ["name": "box"])
        #expect(returned("query-uuid") == ["UUID": "00000000-0000-0000-0000-000000000000"])
        #expect(returned("query-memory-size-summary") == ["base-memory": 4_294_967_296, "plugged-memory": 132_120_576])
        #expect(returned("query-version")?["package"] == .string("Swiftlet \(QMPVersion.swiftlet)"))
        guard case .array(let names)? = returned("query-commands") else {
            Issue.record("no array")
            return
        }
        #expect(names.contains(["name": "query-commands"]))
    }

    @Test func theBalloon() {
        #expect(returned("query-balloon") == ["actual": 3_758_096_384])
        #expect(returned("balloon", ["value": 1_073_741_824]) == [:])
        #expect(fixture.machine.takeCalls() == ["balloon", "setBalloon 1073741824"])
        for size in [0, -1] as [JSONValue] {
            #expect(error("balloon", ["value": size]) == ["GenericError", "Parameter 'value' expects a size"])
        }
        for size in ["1G", .integer(1 << 64)] as [JSONValue] {
            #expect(
                error("balloon", ["value": size])
                    == ["GenericError", "Invalid parameter type for 'value', expected: integer"])
        }
        fixture.machine.removeBalloon()
        let problem: [JSONValue?] = ["DeviceNotActive", "No balloon device has been activated"]
        #expect(error("query-balloon") == problem)
        #expect(error("balloon", ["value": 1]) == problem)
    }

    @Test(arguments: [
        (MachineState.running, "running"), (.paused, "paused"), (.guestFailed, "internal-error"),
        (.violation, "guest-panicked"), (.memoryUnavailable, "io-error"),
    ])
    func theStatusOfEachState(state: MachineState, status: String) {
        fixture.machine.set(state)
        #expect(
            returned("query-status")
                == ["running": .boolean(state == .running), "singlestep": false, "status": .string(status)])
    }

    @Test func memoryDevices() {
        #expect(
            returned("query-memory-devices") == [
                [
                    "type": "virtio-mem",
                    "data": [
                        "id": "vm0", "memaddr": 0x1_0000_0000, "requested-size": 134_217_728, "size": 132_120_576,
                        "max-size": 8_589_934_592, "block-size": 2_097_152, "node": 0, "memdev": "/objects/vm0-mem",
                    ],
                ],
                [
                    "type": "virtio-mem",
                    "data": [
                        "id": "vm1", "memaddr": 0x3_0000_0000, "requested-size": 83_886_080, "size": 0,
                        "max-size": 8_589_934_592, "block-size": 4_194_304, "node": 1, "memdev": "/objects/vm1-mem",
                    ],
                ],
            ])
    }

    @Test func processorsHaveTheirThreadsAndPlaces() {
        guard case .array(let processors)? = returned("query-cpus-fast") else {
            Issue.record("no array")
            return
        }
        #expect(processors.map { $0["thread-id"] } == [101, 102, 103, 104])
        #expect(
            processors.map { $0["props"] } == [
                ["node-id": 0, "socket-id": 0, "core-id": 0, "thread-id": 0],
                ["node-id": 0, "socket-id": 0, "core-id": 0, "thread-id": 1],
                ["node-id": 1, "socket-id": 1, "core-id": 0, "thread-id": 0],
                ["node-id": 1, "socket-id": 1, "core-id": 0, "thread-id": 1],
            ])
    }

    @Test(arguments: [
        ("stop", "pause"), ("cont", "resume"), ("system_reset", "reset"), ("system_powerdown", "pressPowerButton"),
    ])
    func whatIsDone(command: String, call: String) {
        #expect(returned(command) == [:])
        #expect(fixture.machine.takeCalls() == [call])
    }

    @Test func theMonitorIsThereAsAWhole() {
        #expect(returned("human-monitor-command", ["command-line": "info name"]) == "box\n")
        #expect(
            returned("human-monitor-command", ["command-line": "qom-set vm0 requested-size 1G", "cpu-index": 0]) == "")
        #expect(fixture.machine.takeCalls() == ["setRequestedSize 1073741824 of vm0"])
        var session = fixture.session()
        let actions = session.receive(
            Array(#"{"execute": "human-monitor-command", "arguments": {"command-line": "quit"}}"#.utf8))
        #expect(actions.last == .quit)
    }

    // MARK: Objects

    private func names(_ path: String) -> [String] {
        guard case .array(let entries)? = returned("qom-list", ["path": .string(path)]) else { return [] }
        return entries.compactMap { $0["name"]?.string }
    }

    @Test func theTreeLeadsToTheDevices() {
        #expect(names("/") == ["machine", "objects"])
        #expect(names("/machine") == ["peripheral"])
        #expect(names("/machine/peripheral") == ["vm0", "vm1"])
        #expect(names("/machine/peripheral/") == ["vm0", "vm1"])
        #expect(names("/objects") == ["vm0-mem", "vm1-mem"])
        for path in ["/machine/peripheral/vm1", "vm1"] {
            #expect(
                names(path) == [
                    "type", "requested-size", "size", "max-size", "block-size", "node", "memaddr", "memdev",
                ])
            #expect(returned("qom-get", ["path": .string(path), "property": "block-size"]) == 4_194_304)
            #expect(returned("qom-get", ["path": .string(path), "property": "type"]) == "virtio-mem")
        }
        // Each that is listed can be had.
        for property in names("vm0") {
            #expect(returned("qom-get", ["path": "vm0", "property": .string(property)]) != nil, "\(property)")
        }
    }

    @Test func whatIsNotThereIsSaid() {
        #expect(error("qom-list", ["path": "/nothing"]) == ["DeviceNotFound", "Device '/nothing' not found"])
        #expect(
            error("qom-get", ["path": "vm7", "property": "size"]) == ["DeviceNotFound", "Device 'vm7' not found"])
        #expect(
            error("qom-get", ["path": "vm0", "property": "colour"])
                == ["GenericError", "Property 'vm0.colour' not found"])
    }

    @Test func theRequestedSizeIsSet() {
        for path in ["vm1", "/machine/peripheral/vm1"] {
            let arguments: JSONValue = [
                "path": .string(path), "property": "requested-size", "value": 1_073_741_824,
            ]
            #expect(returned("qom-set", arguments) == [:])
            #expect(fixture.machine.takeCalls().last == "setRequestedSize 1073741824 of vm1")
        }
    }

    @Test(arguments: [
        ("requested-size", JSONValue.string("1G"), "Invalid parameter type for 'requested-size', expected: integer"),
        ("requested-size", -1, "Invalid parameter type for 'requested-size', expected: integer"),
        ("requested-size", .double(1.5), "Invalid parameter type for 'requested-size', expected: integer"),
        ("size", 1, "Property 'vm0.size' is not writable"), ("colour", 1, "Property 'vm0.colour' not found"),
    ])
    func whatCannotBeSetIsSaid(property: String, value: JSONValue, text: String) {
        let arguments: JSONValue = ["path": "vm0", "property": .string(property), "value": value]
        #expect(error("qom-set", arguments) == ["GenericError", .string(text)])
        #expect(!fixture.machine.takeCalls().contains { $0.hasPrefix("setRequestedSize") })
    }
}
