import Configuration
import Host
import JSON

/// Something that a log tells.
struct LogEntry {
    let level: LogLevel
    let message: String
    /// Of the event that it is about: its name and data, as QMP tells them.
    var event: (name: String, data: JSONValue?)?
    /// Microseconds since 1970.
    let time: UInt64

    init(
        _ level: LogLevel, _ message: String, event: (name: String, data: JSONValue?)? = nil,
        time: UInt64 = WallClock.microseconds()
    ) {
        self.level = level
        self.message = message
        self.event = event
        self.time = time
    }

    /// The line, with its end.
    func line(_ format: LogFormat, machine: String) -> String {
        switch format {
        case .plain: "swiftlet: \(level == .warning ? "warning: " : "")\(message)\n"
        case .text: "\(UTCTime(microseconds: time)) \(level.rawValue) \(message)\n"
        case .json: String(decoding: json(machine: machine).text, as: UTF8.self) + "\n"
        }
    }

    private func json(machine: String) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("time", .string("\(UTCTime(microseconds: time))")), .init("level", .string(level.rawValue)),
            .init("machine", .string(machine)), .init("message", .string(message)),
        ]
        if let event {
            members.append(.init("event", .string(event.name)))
            event.data.map { members.append(.init("data", $0)) }
        }
        return .object(members)
    }
}
