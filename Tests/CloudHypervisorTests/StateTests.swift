import JSON
import Testing

@testable import CloudHypervisor

/// The life of a VM.
@Suite struct StateTests {
    /// What each request leads to in each state: a status and the state after it.
    private static let rows: [(request: String, ends: [(Int, VMStateName)])] = [
        // absent, created, running, paused, shut down
        ("vm.create", [(204, .created), (409, .created), (409, .running), (409, .paused), (409, .shutDown)]),
        ("vm.boot", [(404, .absent), (204, .running), (405, .running), (405, .paused), (204, .running)]),
        ("vm.pause", [(404, .absent), (405, .created), (204, .paused), (405, .paused), (405, .shutDown)]),
        ("vm.resume", [(404, .absent), (404, .created), (405, .running), (204, .running), (404, .shutDown)]),
        ("vm.shutdown", [(404, .absent), (405, .created), (204, .shutDown), (204, .shutDown), (405, .shutDown)]),
        ("vm.reboot", [(404, .absent), (405, .created), (204, .running), (204, .running), (405, .shutDown)]),
        ("vm.power-button", [(404, .absent), (405, .created), (204, .running), (204, .paused), (405, .shutDown)]),
        ("vm.delete", [(204, .absent), (204, .absent), (204, .absent), (204, .absent), (204, .absent)]),
        ("vm.resize", [(404, .absent), (204, .created), (204, .running), (204, .paused), (204, .shutDown)]),
        ("vm.add-disk", [(404, .absent), (204, .created), (400, .running), (400, .paused), (204, .shutDown)]),
        ("vm.add-net", [(404, .absent), (204, .created), (400, .running), (400, .paused), (204, .shutDown)]),
        ("vm.add-pmem", [(404, .absent), (400, .created), (400, .running), (400, .paused), (400, .shutDown)]),
        ("vm.remove-device", [(404, .absent), (404, .created), (400, .running), (400, .paused), (404, .shutDown)]),
        ("vm.snapshot", [(404, .absent), (405, .created), (400, .running), (400, .paused), (405, .shutDown)]),
        ("vm.restore", [(400, .absent), (404, .created), (404, .running), (404, .paused), (404, .shutDown)]),
    ]

    @Test(arguments: rows.map(\.request))
    func eachRequestInEachState(request: String) throws {
        let row = try #require(Self.rows.first { $0.request == request })
        for (state, end) in zip(VMStateName.allCases, row.ends) {
            let client = Client()
            client.bring(to: state)
            let bodies = [
                "vm.create": Client.plain, "vm.resize": "{}", "vm.add-disk": #"{"path": "/d"}"#,
                "vm.add-net": #"{"tap": "tap0"}"#, "vm.remove-device": #"{"id": "x"}"#,
            ]
            let body = bodies[request] ?? ""
            #expect(client.put(request, body) == end.0, "\(request) of a VM that is \(state.text)")
            let told = client.info?["state"]?.string
            #expect(told == (end.1 == .absent ? nil : end.1.apiName), "\(request) of a VM that is \(state.text)")
        }
    }

    @Test func aMachineEndsWithItsVM() throws {
        for request in ["vm.shutdown", "vm.delete", "vmm.shutdown"] {
            let client = Client()
            client.bring(to: .running)
            let machine = try #require(client.host.machines.last)
            let answer = client("PUT", request)
            #expect(answer.status == .noContent && answer.endsServer == (request == "vmm.shutdown"))
            #expect(machine.hasEnded)
        }
    }

    @Test func metricsAreThereWhateverTheState() {
        for state in VMStateName.allCases {
            let client = Client()
            client.bring(to: state)
            let answer = client.manager.answer(APIRequest(method: "GET", target: "/metrics?x"))
            #expect(answer.status == .ok && answer.contentType.hasPrefix("text/plain; version=0.0.4"))
            let isBooted = [.running, .paused].contains(state)
            #expect(answer.body == Array((isBooted ? "m 1\n" : "").utf8), "\(state)")
        }
        let answer = Client().manager.answer(APIRequest(method: "PUT", target: "/metrics"))
        #expect(answer.status == .methodNotAllowed && answer.allowedMethod == "GET")
    }

    @Test func whatOthersDoIsTold() throws {
        let client = Client()
        client.bring(to: .running)
        let machine = try #require(client.host.machines.last)
        machine.isRunning = false
        #expect(client.info?["state"] == "Paused")
        #expect(client.put("vm.resume") == 204 && machine.isRunning)
        machine.hasEnded = true
        client.manager.noticeEnd()
        #expect(client.host.lines.last == "the VM has ended")
        #expect(client.info?["state"] == "Shutdown")
        #expect(client.put("vm.boot") == 204)
        #expect(client.host.machines.count == 2)
    }

    @Test func aRebootOfAPausedMachineLetsItRun() throws {
        let client = Client()
        client.bring(to: .paused)
        #expect(client.put("vm.reboot") == 204)
        #expect(client.host.machines.last?.commands == ["stop", "system_reset", "cont"])
    }

    @Test func whatRunSaysIsTheMessage() {
        let client = Client()
        client.bring(to: .created)
        client.host.refusal = APIError(
            .badRequest, "the VM could not be booted", "--kernel /boot/vmlinux: not a kernel")
        let answer = client("PUT", "vm.boot")
        #expect(answer.status == .badRequest)
        #expect(answer.message == "the VM could not be booted; --kernel /boot/vmlinux: not a kernel")
        #expect(client.info?["state"] == "Created")
        client.host.refusal = nil
        #expect(client.put("vm.boot") == 204)
    }

    @Test func filesMustBeThere() {
        let client = Client()
        client.host.problems = ["/boot/vmlinux": "cannot be read: No such file or directory"]
        #expect(
            client("PUT", "vm.create", Client.plain).message
                == "payload.kernel: /boot/vmlinux: cannot be read: No such file or directory")
        #expect(client.info == nil || client("GET", "vm.info").status == .notFound)
    }

    @Test func thePing() {
        let client = Client()
        let answer = client("GET", "vmm.ping")
        #expect(answer.json?["pid"] == 4711 && answer.json?["version"]?.string != nil)
        #expect(
            APIResponse.immediate(APIRequest(method: "GET", target: "/api/v1/vmm.ping"), process: 4711, version: "1.2")
                == answer)
        #expect(
            APIResponse.immediate(APIRequest(method: "GET", target: "/api/v1/vm.info"), process: 1, version: "") == nil)
    }
}
