import Configuration

/// A command of the monitor, as QEMU's human monitor has it.
enum MonitorCommand: Equatable {
    /// What can be asked with `info`.
    enum Subject: String, CaseIterable {
        case balloon
        case memoryDevices = "memory-devices"
        case memorySlots = "memory-slots"
        case name
        case numa
        case status

        var help: String {
            switch self {
            case .balloon: "MiB of memory that the balloon leaves to the guest"
            case .memoryDevices: "sizes of the memory devices"
            case .memorySlots: "live memory slots: addresses, bytes, ram or device"
            case .name: "the machine's name"
            case .numa: "NUMA nodes: vCPUs and memory"
            case .status: "whether the guest runs"
            }
        }
    }

    case info(Subject)
    /// `info memory-devices -v`: how their guests follow the requested sizes.
    case explain
    case get(device: String, property: String)
    case set(device: String, property: String, value: String)
    /// Bytes that the balloon shall leave to the guest.
    case balloon(UInt64)
    case stop
    case resume
    case reset
    case powerDown
    case quit
    case help

    /// Why a line is not a command, in words for the user.
    struct SyntaxError: Error, Equatable {
        let text: String
    }

    /// Each command's syntax and what it does.
    static let summaries: [(syntax: String, help: String)] =
        Subject.allCases.map { ("info \($0.rawValue)", $0.help) } + [
            ("info memory-devices -v", "with what their drivers do, and why a resize does not get on"),
            ("qom-get ID PROPERTY", "a memory device's property: requested-size, size, max-size, block-size, ..."),
            ("qom-set ID requested-size SIZE", "ask the guest to have that much of the device plugged"),
            ("balloon SIZE", "ask the guest to give back all but so much, in MiB or with a unit"),
            ("stop", "pause the guest"),
            ("cont", "let it go on"),
            ("system_reset", "restart the guest"),
            ("system_powerdown", "press the power button"),
            ("quit", "end the machine at once"),
            ("help", "this list"),
        ]

    /// Reads a line; nil for an empty one.
    static func parse(_ line: String) throws(SyntaxError) -> MonitorCommand? {
        let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
        guard let first = words.first else { return nil }
        switch first {
        case "info": return try parseInfo(words)
        case "qom-get":
            try expect(words, count: 3, syntax: "qom-get ID PROPERTY")
            return .get(device: deviceID(words[1]), property: words[2])
        case "qom-set":
            try expect(words, count: 4, syntax: "qom-set ID PROPERTY VALUE")
            return .set(device: deviceID(words[1]), property: words[2], value: words[3])
        case "balloon":
            try expect(words, count: 2, syntax: "balloon SIZE")
            return .balloon(try parseMebibytes(words[1]))
        case "stop", "s": return try alone(words, .stop)
        case "cont", "c": return try alone(words, .resume)
        case "system_reset": return try alone(words, .reset)
        case "system_powerdown": return try alone(words, .powerDown)
        case "quit", "q": return try alone(words, .quit)
        case "help", "?": return .help
        default:
            throw SyntaxError(text: "unknown command: '\(first)'; type 'help' for a list")
        }
    }

    private static func parseInfo(_ words: [String]) throws(SyntaxError) -> MonitorCommand {
        if words == ["info", Subject.memoryDevices.rawValue, "-v"] { return .explain }
        let subjects = Subject.allCases.map(\.rawValue).joined(separator: ", ")
        guard words.count == 2 else { throw SyntaxError(text: "info takes one of: \(subjects)") }
        guard let subject = Subject(rawValue: words[1]) else {
            throw SyntaxError(text: "unknown command: 'info \(words[1])'; info takes one of: \(subjects)")
        }
        return .info(subject)
    }

    /// A size that is in MiB where it has no unit, as QEMU reads it.
    private static func parseMebibytes(_ word: String) throws(SyntaxError) -> UInt64 {
        let isNumber = word.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        do throws(ByteSize.ParseError) {
            let size = try ByteSize(parsing: isNumber ? word + "M" : word).bytes
            guard size > 0 else { throw .malformed(word) }
            return size
        } catch {
            throw SyntaxError(text: "balloon: \(error)")
        }
    }

    private static func expect(_ words: [String], count: Int, syntax: String) throws(SyntaxError) {
        guard words.count == count else {
            throw SyntaxError(text: "\(words[0]) takes \(count - 1) \(count == 2 ? "word" : "words"): \(syntax)")
        }
    }

    private static func alone(
        _ words: [String], _ command: MonitorCommand
    ) throws(SyntaxError) -> MonitorCommand {
        guard words.count == 1 else { throw SyntaxError(text: "\(words[0]) takes nothing behind it") }
        return command
    }

    /// Devices are at `/machine/peripheral/ID` in QEMU's object tree; the id alone is enough.
    private static func deviceID(_ path: String) -> String {
        let prefix = "/machine/peripheral/"
        return path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : path
    }
}
