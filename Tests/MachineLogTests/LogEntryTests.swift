import JSON
import MachineLog
import Testing

@Suite struct LogEntryTests {
    private let entry = LogEntry(.warning, "vm0: \"slow\"\nlook at it", event: ("STOP", ["id": "vm0"]), time: 1_000)

    @Test func plainLinesAreForPeople() {
        #expect(entry.line(.plain) == "swiftlet: warning: vm0: \"slow\"\nlook at it\n")
        #expect(LogEntry(.error, "it ends").line(.plain, program: "other") == "other: it ends\n")
    }

    /// However many a message has, an entry of a file is one line.
    @Test func textHasTheTimeAndTheLevel() {
        #expect(entry.line(.text) == "1970-01-01T00:00:00.001Z warning vm0: \"slow\"; look at it\n")
    }

    @Test func objectsHaveAllThatIsKnown() throws {
        let line = entry.line(.json, machine: "web")
        #expect(line.hasSuffix("}\n") && !line.dropLast().contains("\n"))
        let value = try JSONParser.parse(Array(line.utf8)[...])
        #expect(
            value == [
                "time": "1970-01-01T00:00:00.001Z", "level": "warning", "machine": "web",
                "message": "vm0: \"slow\"\nlook at it", "event": "STOP", "data": ["id": "vm0"],
            ])
        #expect(!LogEntry(.info, "x").line(.json).contains("machine"))
    }
}
