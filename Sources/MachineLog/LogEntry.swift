import Configuration
import Host
import JSON

/// Something that a log tells.
public struct LogEntry: Sendable {
    /// An event that it is about: its name and data, as QMP tells them.
    public typealias Event = (name: String, data: JSONValue?)

    public let level: LogLevel
    public let message: String
    private let event: Event?
    /// Microseconds since 1970.
    private let time: UInt64

    public init(_ level: LogLevel, _ message: String, event: Event? = nil, time: UInt64 = WallClock.microseconds()) {
        self.level = level
        self.message = message
        self.event = event
        self.time = time
    }

    /// The line, with its end.
    ///
    /// - Parameters:
    ///   - program: what stands in front of a plain line.
    ///   - machine: the name of the machine that it is about, for objects; nil where that is clear.
    public func line(_ format: LogFormat, program: String = "swiftlet", machine: String? = nil) -> String {
        switch format {
        case .plain: "\(program): \(level == .warning ? "warning: " : "")\(message)\n"
        case .text:
            "\(UTCTime(microseconds: time)) \(level.rawValue) "
                + message.split(separator: "\n").joined(separator: "; ") + "\n"
        case .json: String(decoding: json(machine: machine).text, as: UTF8.self) + "\n"
        }
    }

    private func json(machine: String?) -> JSONValue {
        var members: [JSONValue.Member] = [
            .init("time", .string("\(UTCTime(microseconds: time))")), .init("level", .string(level.rawValue)),
        ]
        if let machine { members.append(.init("machine", .string(machine))) }
        members.append(.init("message", .string(message)))
        if let event {
            members.append(.init("event", .string(event.name)))
            event.data.map { members.append(.init("data", $0)) }
        }
        return .object(members)
    }
}
