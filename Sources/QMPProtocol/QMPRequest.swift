import JSON

/// A command with its arguments, as a client sends it (QEMU Machine Protocol Specification, "Issuing Commands").
public struct QMPRequest: Sendable, Equatable {
    public let command: String
    public let arguments: [JSONValue.Member]
    /// Whatever the client wants back in the answer.
    public let id: JSONValue?

    public init(_ command: String, _ arguments: [JSONValue.Member] = [], id: JSONValue? = nil) {
        self.command = command
        self.arguments = arguments
        self.id = id
    }

    /// Reads what a client sent.
    ///
    /// - Throws: `QMPError` for what is no command.
    public init(_ value: JSONValue) throws(QMPError) {
        guard case .object(let members) = value else { throw QMPError("QMP input must be a JSON object") }
        if let odd = members.first(where: { !["execute", "arguments", "id"].contains($0.name) }) {
            throw QMPError("QMP input member '\(odd.name)' is unexpected")
        }
        guard let name = value["execute"] else { throw QMPError("QMP input lacks member 'execute'") }
        guard case .string(let command) = name else {
            throw QMPError("QMP input member 'execute' must be a string")
        }
        switch value["arguments"] {
        case nil: arguments = []
        case .object(let members)?: arguments = members
        default: throw QMPError("QMP input member 'arguments' must be an object")
        }
        self.command = command
        id = value["id"]
    }

    public var json: JSONValue {
        var members = [JSONValue.Member("execute", .string(command))]
        if !arguments.isEmpty { members.append(.init("arguments", .object(arguments))) }
        if let id { members.append(.init("id", id)) }
        return .object(members)
    }
}

/// The answer to a command.
public struct QMPResponse: Sendable, Equatable {
    public let result: Result<JSONValue, QMPError>
    public let id: JSONValue?

    public init(_ result: Result<JSONValue, QMPError>, id: JSONValue? = nil) {
        self.result = result
        self.id = id
    }

    public var json: JSONValue {
        let member: JSONValue.Member =
            switch result {
            case .success(let value): .init("return", value)
            case .failure(let error): .init("error", error.json)
            }
        return .object([member] + (id.map { [.init("id", $0)] } ?? []))
    }
}
