import AgentProtocol
import Host

extension AgentChannel {
    /// Asks an agent for something, and waits for the answer.
    ///
    /// - Throws: `AgentFailure` where it refuses, `ProtocolError`, `SystemCallError`.
    public func ask(_ request: AgentRequest) throws -> AgentMessage {
        try send(request.frame)
        return try answer { _ in }
    }

    /// Sends files to an agent.
    ///
    /// - Parameters:
    ///   - source: in this process's file system.
    ///   - target: in the guest's.
    ///   - warn: is told of what can't be sent.
    /// - Throws: `AgentFailure`, `CopyError`, `ProtocolError`, `SystemCallError`.
    public func put(_ source: CopySource, to target: CopyTarget, warn: @escaping (String) -> Void) throws {
        do {
            try send(AgentRequest.put(target).frame)
            let sender = FileTreeSender(
                send: { piece in
                    // An agent that can't go on says why, and nothing before.
                    if self.hasInput { _ = try self.answer(warn) }
                    try self.send(piece.frame)
                }, warn: warn)
            try sender.send(source)
        } catch let error as SystemCallError {
            // What it said last may have come before it closed the connection.
            do {
                _ = try answer(warn)
            } catch let failure as AgentFailure {
                throw failure
            } catch {}
            throw error
        }
        _ = try answer(warn)
    }

    /// Receives files from an agent.
    ///
    /// - Parameters:
    ///   - source: in the guest's file system.
    ///   - target: in this process's.
    ///   - name: what it is called in a directory that is there already, whatever the guest calls it.
    /// - Throws: `AgentFailure`, `CopyError`, `ProtocolError`, `SystemCallError`.
    public func get(
        _ source: CopySource, to target: CopyTarget, name: EntryName, warn: (String) -> Void
    ) throws {
        try send(AgentRequest.get(source).frame)
        // The guest's user is nobody here.
        let receiver = FileTreeReceiver(target, name: name, modes: 0o777)
        while !receiver.isComplete {
            guard let frame = try receive() else { throw AgentFailure(.refused, "the connection to the guest is gone") }
            if frame.type.rawValue >= FrameType.directory.rawValue {
                let piece = try TreePiece(frame)
                if receiver.isEmpty, case .link(_, let target) = piece {
                    warn("it is a symbolic link to \(String(decoding: target, as: UTF8.self)), and copied as one")
                }
                try receiver.take(piece)
                continue
            }
            switch try AgentMessage(frame) {
            case .failed(let failure): throw failure
            case .warning(let text): warn(text)
            default: throw ProtocolError.unexpectedFrame(frame.type)
            }
        }
    }

    /// The next message that is no warning.
    private func answer(_ warn: (String) -> Void) throws -> AgentMessage {
        while let frame = try receive() {
            switch try AgentMessage(frame) {
            case .failed(let failure): throw failure
            case .warning(let text): warn(text)
            case let message: return message
            }
        }
        throw AgentFailure(.refused, "the connection to the guest is gone")
    }
}
