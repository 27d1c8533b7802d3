/// What an agent sends, beside files.
public enum AgentMessage: Sendable, Equatable {
    /// The command runs, as that process.
    case started(process: UInt32)
    case output([UInt8])
    case errors([UInt8])
    /// The command's end: the last message of its connection.
    case exited(CommandStatus)
    /// So many bytes more of input may be sent.
    case credit(UInt32)
    /// All was done.
    case done
    /// It was not done: the last message of a connection.
    case failed(AgentFailure)
    /// Something that the person should know.
    case warning(String)
    case memoryReport(MemoryReport)
    case onlineReport(OnlineReport)
    case informationReport(AgentInformation)

    public var frame: Frame {
        switch self {
        case .started(let process): Frame.make(.started) { $0.put(process) }
        case .output(let bytes): Frame(.output, bytes)
        case .errors(let bytes): Frame(.errors, bytes)
        case .exited(.exited(let status)): Frame(.exited, [0, status])
        case .exited(.killed(let signal)): Frame(.exited, [1, signal])
        case .credit(let count): Frame.make(.credit) { $0.put(count) }
        case .done: Frame(.done)
        case .failed(let failure):
            Frame.make(.failed) { writer in
                writer.put(failure.kind.rawValue)
                writer.put(failure.text)
            }
        case .warning(let text): Frame.make(.warning) { $0.put(text) }
        case .memoryReport(let report): Frame.make(.memoryReport) { report.write(to: &$0) }
        case .onlineReport(let report):
            Frame.make(.onlineReport) { writer in
                writer.put(report.onlined)
                writer.put(report.refused)
                writer.put(report.reason)
            }
        case .informationReport(let information):
            Frame.make(.informationReport) { writer in
                writer.put(information.kernel)
                writer.put(information.process)
                writer.put(information.commands)
            }
        }
    }

    public init(_ frame: Frame) throws(ProtocolError) {
        self = try frame.read { (reader) throws(ProtocolError) in try Self.read(frame, &reader) }
    }

    private static func read(_ frame: Frame, _ reader: inout PayloadReader) throws(ProtocolError) -> AgentMessage {
        switch frame.type {
        case .started: return .started(process: try reader.integer())
        case .output: return .output(frame.payload)
        case .errors: return .errors(frame.payload)
        case .exited: return .exited(try readExit(&reader))
        case .credit: return .credit(try reader.integer())
        case .done: return .done
        case .failed: return .failed(AgentFailure(try reader.choice("kind"), try reader.text("text")))
        case .warning: return .warning(try reader.text("text"))
        case .memoryReport: return .memoryReport(try MemoryReport(from: &reader))
        case .onlineReport:
            return .onlineReport(
                OnlineReport(
                    onlined: try reader.integer(), refused: try reader.integer(), reason: try reader.text("reason")))
        case .informationReport:
            return .informationReport(
                AgentInformation(
                    kernel: try reader.text("kernel"), process: try reader.integer(), commands: try reader.integer()))
        default: throw .unexpectedFrame(frame.type)
        }
    }

    private static func readExit(_ reader: inout PayloadReader) throws(ProtocolError) -> CommandStatus {
        switch try reader.integer(UInt8.self) {
        case 0: return .exited(try reader.integer())
        case 1: return .killed(signal: try reader.integer())
        default: throw .invalidValue(.exited, "way to end")
        }
    }
}
