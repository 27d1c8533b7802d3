import Foundation
import JSON
import QMPProtocol
import Testing
import VirtioMem

@testable import Machine
@testable import QMP

/// What is implemented is what the schema says.
@Suite struct QMPSchemaTests {
    private let validator = SchemaValidator()

    private func entries(_ kind: String) -> [String: JSONValue] {
        var entries: [String: JSONValue] = [:]
        for entry in QMPSchema.entries {
            if let name = entry[kind]?.string {
                #expect(entries[name] == nil, "\(name) is there twice")
                entries[name] = entry
            }
        }
        return entries
    }

    @Test func theCommandsAreThoseOfTheSchema() {
        let commands = entries("command")
        #expect(Set(commands.keys) == Set(QMPCommand.names))
        for (name, entry) in commands { #expect(entry["doc"] != nil, "\(name) is not explained") }
    }

    /// Good arguments for the commands that take some.
    private static let arguments: [String: JSONValue] = [
        "qom-list": ["path": "/machine"], "qom-get": ["path": "vm0", "property": "size"],
        "qom-set": ["path": "vm0", "property": "requested-size", "value": 0],
        "balloon": ["value": 1_048_576],
        "human-monitor-command": ["command-line": "info status", "cpu-index": 0],
    ]

    @Test func answersAreAsTheSchemaSays() {
        for (name, entry) in entries("command") where name != "qmp_capabilities" {
            let fixture = QMPFixture()
            var session = fixture.session()
            let arguments = Self.arguments[name] ?? [:]
            #expect(validator.problems(arguments, members: entry["data"], at: name) == [])
            let request: JSONValue = ["execute": .string(name), "arguments": arguments]
            guard let value = session.say(String(decoding: request.text, as: UTF8.self)).first?["return"] else {
                Issue.record("\(name) is not answered")
                continue
            }
            let problems =
                entry["returns"].map { validator.problems(value, $0, at: name) } ?? (value == [:] ? [] : ["\(value)"])
            #expect(problems == [], "\(name)")
        }
    }

    /// Each argument is read: without one that must be there, and with one that is none, the command fails.
    @Test func argumentsAreThoseOfTheSchema() {
        for (name, entry) in entries("command") where name != "qmp_capabilities" {
            var session = QMPFixture().session()
            func error(_ arguments: [JSONValue.Member]) -> JSONValue? {
                let request: JSONValue = ["execute": .string(name), "arguments": .object(arguments)]
                return session.say(String(decoding: request.text, as: UTF8.self)).first?["error"]?["desc"]
            }
            guard case .object(let good) = Self.arguments[name] ?? [:] else { continue }
            #expect(error(good + [.init("odd", 1)]) == "Parameter 'odd' is unexpected", "\(name)")
            guard case .object(let fields)? = entry["data"] else { continue }
            for field in fields where !field.name.hasPrefix("*") {
                #expect(
                    error(good.filter { $0.name != field.name }) == .string("Parameter '\(field.name)' is missing"),
                    "\(name)")
            }
        }
    }

    // MARK: Events

    private static let situation = ResizeSituation(
        requestedSize: 0, pluggedSize: 1 << 30, regionSize: 8 << 30, blockSize: 2 << 20, driver: .absent,
        timeWithoutProgress: 9_000)

    private static func violation(_ access: MemoryViolation.Access) -> MachineEvent {
        .violation(
            MemoryViolation(device: "vm0", vcpu: 1, instructionPointer: 0xFFFF_FFFF_8100_0000, access: access))
    }

    private static let events: [MachineEvent] = [
        .resumed, .paused, .powerButtonPressed, .reset(byGuest: true), .reset(byGuest: false),
        .memoryDeviceSizeChanged(id: "vm0", size: 1 << 40), .ended(.powerOff),
        .balloonChanged(BalloonStatus(target: 0, size: 1 << 20, memory: 1 << 40)), .ended(.reboot), .ended(.stopped),
        .ended(.failed("x")), violation(.read(1 << 32, size: 8)), violation(.write(1 << 32, size: 1)),
        violation(.execute(1 << 32)), violation(.unknown(slot: 1 << 32..<1 << 33)),
        .resizeStalled(id: "vm0", ResizeDiagnosis(of: situation)), .hostMemoryError(region: "ram", address: 4096),
        .memoryUnavailable("gone"), .guestFailed("lost"),
        .ended(
            .violation(MemoryViolation(device: "vm0", vcpu: 0, instructionPointer: 0, access: .execute(1 << 32)))),
    ]

    @Test func eventsAreAsTheSchemaSays() {
        let schema = entries("event")
        var told: Set<String> = []
        for event in Self.events {
            for endedByClient in [false, true] {
                guard let event = QMPEvent(event, endedByClient: endedByClient, time: 1_700_000_000_123_456) else {
                    Issue.record("\(event) is not told")
                    continue
                }
                told.insert(event.name)
                guard let entry = schema[event.name] else {
                    Issue.record("\(event.name) is not in the schema")
                    continue
                }
                #expect(validator.problems(event.data ?? [:], members: entry["data"], at: event.name) == [])
                #expect(event.json["timestamp"] == ["seconds": 1_700_000_000, "microseconds": 123_456])
            }
        }
        #expect(told == Set(schema.keys))
        #expect(QMPEvent(.warning("x"), endedByClient: false, time: 0) == nil)
    }

    @Test func whyAMachineEndedIsToldInQEMUsWords() {
        func reason(_ end: MachineEnd, endedByClient: Bool = false) -> JSONValue? {
            QMPEvent(.ended(end), endedByClient: endedByClient, time: 0)?.data
        }
        #expect(reason(.powerOff) == ["guest": true, "reason": "guest-shutdown"])
        #expect(reason(.stopped, endedByClient: true) == ["guest": false, "reason": "host-qmp-quit"])
        #expect(reason(.stopped) == ["guest": false, "reason": "host-signal"])
        #expect(reason(.failed("x")) == ["guest": false, "reason": "host-error"])
    }

    @Test func largeAddressesStayWhatTheyAre() {
        let event = QMPEvent(Self.violation(.execute(1 << 32)), endedByClient: false, time: 0)
        #expect(event?.data?["instruction-pointer"] == .number(0xFFFF_FFFF_8100_0000 as UInt64))
    }

    // MARK: Introspection

    @Test func everyTypeThatIsUsedIsDescribed() {
        guard case .array(let infos) = QMPSchema.introspection else {
            Issue.record("no array")
            return
        }
        let names = infos.compactMap { $0["name"]?.string }
        #expect(Set(names).count == names.count, "each once")
        for info in infos {
            #expect(validator.problems(info, "SchemaInfo") == [], "\(info)")
            var used = ["arg-type", "ret-type", "element-type"].compactMap { info[$0]?.string }
            if case .array(let members)? = info["members"] { used += members.compactMap { $0["type"]?.string } }
            for type in used { #expect(names.contains(type), "\(type)") }
        }
        for name in QMPCommand.names {
            #expect(infos.contains { $0["name"]?.string == name && $0["meta-type"] == "command" })
        }
    }

    // MARK: The README

    /// What the README has to say of QMP.
    private var documentation: String {
        func rows(_ kind: String) -> String {
            QMPSchema.entries.compactMap { entry in
                guard let name = entry[kind]?.string, let doc = entry["doc"]?.string else { return nil }
                var fields: [String] = []
                if case .object(let members)? = entry["data"] {
                    fields = members.map { $0.name.hasPrefix("*") ? "[\($0.name.dropFirst())]" : $0.name }
                }
                return "| `\(([name] + fields).joined(separator: " "))` | \(doc) |\n"
            }.joined()
        }
        return "| command | what it does |\n|---|---|\n" + rows("command")
            + "\n| event | what it tells |\n|---|---|\n" + rows("event")
    }

    @Test func theReadmeSaysWhatTheSchemaSays() throws {
        let readme = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "README.md")
        let text = try String(contentsOf: readme, encoding: .utf8)
        #expect(text.contains(documentation), "the README needs these tables:\n\(documentation)")
    }
}
