import JSON
import Machine
import Monitor
import QMPProtocol

/// A conversation with one client of QMP: bytes in, bytes out, without the socket.
public struct QMPSession {
    /// What is to be done for the client.
    public enum Action: Equatable, Sendable {
        case send([UInt8])
        /// The client said what can't be answered: the connection ends.
        case close
        /// The machine shall end.
        case quit
    }

    private let executor: QMPExecutor
    private var stream = JSONStream(allowsApostrophes: true)
    /// Whether the client has negotiated, and gets answers to commands, and events.
    public private(set) var isReady = false

    public init(executor: QMPExecutor) {
        self.executor = executor
    }

    /// What the client is sent first.
    public static var greeting: [UInt8] { line(QMPVersion.current.greeting) }

    /// What a client is sent about an event.
    public static func line(_ event: QMPEvent) -> [UInt8] { line(event.json) }

    private static func line(_ value: JSONValue) -> [UInt8] { value.text + [0x0D, 0x0A] }

    /// Does what the client says.
    public mutating func receive(_ bytes: [UInt8]) -> [Action] {
        var actions: [Action] = []
        for result in stream.receive(bytes) {
            switch result {
            case .success(let value): actions += answer(value)
            case .failure(let error):
                actions.append(.send(Self.line(QMPResponse(.failure(QMPError("\(error)"))).json)))
            }
        }
        return stream.hasEnded ? actions + [.close] : actions
    }

    private mutating func answer(_ value: JSONValue) -> [Action] {
        // The id comes back also where the rest can't be read.
        let id = value["id"]
        do throws(QMPError) {
            let command = try read(value)
            let outcome = try executor.execute(command)
            isReady = isReady || command == .capabilities
            switch outcome {
            case .value(let result): return [.send(Self.line(QMPResponse(.success(result), id: id).json))]
            case .quit: return [.send(Self.line(QMPResponse(.success([:]), id: id).json)), .quit]
            }
        } catch {
            return [.send(Self.line(QMPResponse(.failure(error), id: id).json))]
        }
    }

    private func read(_ value: JSONValue) throws(QMPError) -> QMPCommand {
        let request = try QMPRequest(value)
        if !isReady, request.command != "qmp_capabilities" {
            throw QMPError(.commandNotFound, "Expecting capabilities negotiation with 'qmp_capabilities'")
        }
        let command = try QMPCommand(request)
        if isReady, command == .capabilities {
            throw QMPError(.commandNotFound, "Capabilities negotiation is already complete, command ignored")
        }
        return command
    }
}
