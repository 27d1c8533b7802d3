import Configuration
import JSON
import QMPProtocol
import Testing

@testable import Machine
@testable import QMP

/// What a client of QMP gets for what it sends.
@Suite struct QMPSessionTests {
    private let fixture = QMPFixture()

    @Test func theGreetingTellsTheVersionAndNoCapabilities() throws {
        let greeting = try JSONParser.parse(QMPSession.greeting[...])
        #expect(greeting["QMP"]?["capabilities"] == [])
        #expect(greeting["QMP"]?["version"]?["qemu"]?["major"] == 7)
        #expect(greeting["QMP"]?["version"]?["package"] == .string("Swiftlet \(QMPVersion.swiftlet)"))
        #expect(QMPSession.greeting.suffix(2) == [0x0D, 0x0A])
    }

    @Test func nothingWorksBeforeTheNegotiation() {
        var session = fixture.session(isReady: false)
        #expect(
            session.say(#"{"execute": "query-status", "id": 1}"#) == [
                [
                    "error": [
                        "class": "CommandNotFound",
                        "desc": "Expecting capabilities negotiation with 'qmp_capabilities'",
                    ],
                    "id": 1,
                ]
            ])
        #expect(
            session.say(#"{"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}"#) == [
                ["error": ["class": "GenericError", "desc": "Capability 'oob' is not available"]]
            ])
        #expect(session.say(#"{"execute": "qmp_capabilities", "arguments": {"enable": []}}"#) == [["return": [:]]])
        #expect(
            session.say(#"{"execute": "qmp_capabilities"}"#) == [
                [
                    "error": [
                        "class": "CommandNotFound",
                        "desc": "Capabilities negotiation is already complete, command ignored",
                    ]
                ]
            ])
        #expect(fixture.machine.takeCalls() == [])
    }

    @Test(arguments: [
        ("[]", "QMP input must be a JSON object"), ("{}", "QMP input lacks member 'execute'"),
        (#"{"execute": 1}"#, "QMP input member 'execute' must be a string"),
        (#"{"execute": "stop", "arguments": []}"#, "QMP input member 'arguments' must be an object"),
        (#"{"execute": "stop", "x": 1}"#, "QMP input member 'x' is unexpected"),
        (#"{"exec-oob": "stop"}"#, "QMP input member 'exec-oob' is unexpected"),
        (#"{"execute": "stop", "arguments": {"a": 1}}"#, "Parameter 'a' is unexpected"),
        (#"{"execute": "qom-get", "arguments": {"path": "vm0"}}"#, "Parameter 'property' is missing"),
        (
            #"{"execute": "qom-get", "arguments": {"path": 1, "property": "size"}}"#,
            "Invalid parameter type for 'path', expected: string"
        ),
        ("{\"execute\": ", "JSON parse error, control character in string"), ("hello", "JSON parse error, stray 'h'"),
        ("{\"a\" 1}", "JSON parse error, stray '1'"),
    ])
    func mistakesAreAnswered(text: String, error: String) {
        var session = fixture.session()
        // A command that is cut off is answered as soon as the line that it is in ends.
        let text = text == "{\"execute\": " ? "{\"execute\": \"st\n" : text + "\n"
        #expect(session.say(text) == [["error": ["class": "GenericError", "desc": .string(error)]]])
        #expect(session.say(#"{"execute": "stop"}"#) == [["return": [:]]], "the next one works")
        #expect(fixture.machine.takeCalls() == ["pause"])
    }

    @Test func anUnknownCommandIsToldWithItsID() {
        var session = fixture.session()
        #expect(
            session.say(#"{"execute": "device_add", "id": {"a": [1]}}"#) == [
                [
                    "error": ["class": "CommandNotFound", "desc": "The command device_add has not been found"],
                    "id": ["a": [1]],
                ]
            ])
    }

    @Test func severalCommandsAtOnceAreAnsweredInTheirOrder() {
        var session = fixture.session()
        let answers = session.say(
            #"{"execute":"stop","id":1}{"execute":"cont","id":2} {"execute":"query-kvm","id":3}"#)
        #expect(
            answers == [
                ["return": [:], "id": 1], ["return": [:], "id": 2],
                ["return": ["enabled": true, "present": true], "id": 3],
            ])
        #expect(fixture.machine.takeCalls() == ["pause", "resume"])
    }

    @Test func quitAnswersFirst() {
        var session = fixture.session()
        let actions = session.receive(Array(#"{"execute": "quit", "id": 9}"#.utf8))
        #expect(actions == [.send(Array("{\"return\": {}, \"id\": 9}\r\n".utf8)), .quit])
    }

    @Test func whatIsTooLongEndsTheConversation() {
        var session = fixture.session()
        let text = "{\"execute\": \"" + String(repeating: "a", count: JSONStream.defaultMaximumLength)
        let actions = session.receive(Array(text.utf8))
        #expect(actions.last == .close)
        #expect(actions.count == 2, "and is told why")
    }

    @Test func whatTheMachineRefusesIsAnError() {
        var session = fixture.session()
        fixture.machine.fail(with: .ended)
        for command in ["stop", "query-status", "query-cpus-fast"] {
            let answer = session.say("{\"execute\": \"\(command)\"}")
            #expect(answer[0]["error"]?["class"] == "GenericError", "\(command)")
            #expect(answer[0]["error"]?["desc"] == .string("\(MachineError.ended)"))
        }
    }
}
