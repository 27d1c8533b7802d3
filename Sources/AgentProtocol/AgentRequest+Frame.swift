extension AgentRequest {
    public var frame: Frame {
        Frame.make(type) { writer in
            writer.put(AgentProtocol.version)
            switch self {
            case .exec(let request): Self.write(request, &writer)
            case .put(let target):
                writer.put(target.path)
                writer.put(target.takesContents)
            case .get(let source):
                writer.put(source.path)
                writer.put(source.followsLink)
            case .online(let request):
                writer.put(request.policy.rawValue)
                writer.put(request.node ?? Self.allNodes)
                writer.put(request.staysSo)
            case .mount(let request):
                writer.put(request.source)
                writer.put(request.target)
                writer.put(request.type)
                writer.put(request.options) { $0.put($1) }
            case .unmount(let target): writer.put(target)
            case .shutdown(let action): writer.put(action.rawValue)
            case .memory, .information: break
            }
        }
    }

    /// - Throws: `ProtocolError` for a frame that is no request, or one of another version.
    public init(_ frame: Frame) throws(ProtocolError) {
        self = try frame.read { (reader) throws(ProtocolError) in try Self.read(frame.type, &reader) }
    }

    private static let allNodes = UInt32.max

    private var type: FrameType {
        switch self {
        case .exec(let request): request.isDetached ? .start : .exec
        case .put: .put
        case .get: .get
        case .memory: .memory
        case .online: .online
        case .mount: .mount
        case .unmount: .unmount
        case .shutdown: .shutdown
        case .information: .information
        }
    }

    private static func write(_ request: ExecRequest, _ writer: inout PayloadWriter) {
        writer.put(request.arguments) { $0.put($1) }
        writer.put(request.environment) { $0.put($1) }
        writer.put(request.directory)
        writer.put(request.user)
        guard !request.isDetached else { return }
        writer.put(request.hasInput)
        writer.put(request.terminal != nil)
        writer.put(request.terminal?.rows ?? 0)
        writer.put(request.terminal?.columns ?? 0)
    }

    private static func read(_ type: FrameType, _ reader: inout PayloadReader) throws(ProtocolError) -> AgentRequest {
        guard type.rawValue < FrameType.input.rawValue else { throw .unexpectedFrame(type) }
        let version: UInt16 = try reader.integer()
        guard version == AgentProtocol.version else { throw .unsupportedVersion(version) }
        switch type {
        case .exec: return .exec(try readExec(&reader))
        case .start:
            var request = try readCommand(.start, &reader)
            request.isDetached = true
            return .exec(request)
        case .put: return .put(CopyTarget(path: try reader.path("path"), takesContents: try reader.flag()))
        case .get: return .get(CopySource(path: try reader.path("path"), followsLink: try reader.flag()))
        case .memory: return .memory
        case .online:
            let policy: OnlineRequest.Policy = try reader.choice("policy")
            let node: UInt32 = try reader.integer()
            return .online(
                OnlineRequest(policy, node: node == allNodes ? nil : node, staysSo: try reader.flag()))
        case .mount:
            return .mount(
                MountRequest(
                    source: try reader.text("source"), target: try reader.text("target"),
                    type: try reader.text("type"),
                    options: try reader.list(size: 4) { (reader) throws(ProtocolError) in try reader.text("option") }))
        case .unmount: return .unmount(target: try reader.text("target"))
        case .shutdown: return .shutdown(try reader.choice("action"))
        default: return .information
        }
    }

    /// What both kinds of commands have.
    private static func readCommand(
        _ type: FrameType, _ reader: inout PayloadReader
    ) throws(ProtocolError) -> ExecRequest {
        let arguments = try reader.list(size: 4) { (reader) throws(ProtocolError) in try reader.text("argument") }
        guard arguments.first?.isEmpty == false else { throw .invalidValue(type, "command") }
        return ExecRequest(
            arguments,
            environment: try reader.list(size: 4) { (reader) throws(ProtocolError) in try reader.text("variable") },
            directory: try reader.text("directory"), user: try reader.text("user"))
    }

    private static func readExec(_ reader: inout PayloadReader) throws(ProtocolError) -> ExecRequest {
        var request = try readCommand(.exec, &reader)
        request.hasInput = try reader.flag()
        let hasTerminal = try reader.flag()
        let size = WindowSize(rows: try reader.integer(), columns: try reader.integer())
        request.terminal = hasTerminal ? size : nil
        return request
    }
}
