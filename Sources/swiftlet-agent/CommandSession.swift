import AgentProtocol
import Glibc
import GuestSystem
import Host
import SystemPackage

/// A command and its client.
final class CommandSession {
    private enum Phase {
        /// Whether the program runs is not known yet.
        case starting
        case running
        /// Its output is still on its way.
        case ended(CommandStatus)
        case over
    }

    /// The command's process, which leads its group and session.
    let process: Int32
    private let loop: EventLoop
    private let report: OwnedDescriptor
    private var reportToken: EventLoop.Token?
    /// nil when the client is gone.
    private var connection: Connection?
    private var outputs: [CommandOutput] = []
    private var input: CommandInput?
    private let hasTerminal: Bool
    /// Whether it runs on without a client.
    let isDetached: Bool
    private var phase = Phase.starting
    private var hasEnded = false
    private var killTimer: EventLoop.Token?
    /// Runs while children that outlive the command may go on writing.
    private var lingerTimer: EventLoop.Token?
    private var onEnd: (Connection) -> Void = { _ in }
    private var onOver: () -> Void = {}

    /// Milliseconds from SIGHUP to SIGKILL, for a command whose client is gone.
    private static let gracePeriod: UInt64 = 5_000
    /// Milliseconds that children which outlive their command have to end as well (docker has the same).
    private static let lingerTime: UInt64 = 2_000
    /// What a terminal may still hold when its command has ended.
    private static let terminalRemainder = 1 << 16

    /// Starts the command.
    init(
        _ request: ExecRequest, connection: Connection, loop: EventLoop, limits: AgentLimits
    ) throws(AgentFailure) {
        self.loop = loop
        self.connection = connection
        hasTerminal = request.terminal != nil
        isDetached = request.isDetached
        let environment: CommandEnvironment
        do throws(UserDatabase.Problem) {
            environment = try CommandEnvironment(request)
        } catch {
            throw AgentFailure(.notExecutable, error.text)
        }
        do throws(SystemCallError) {
            let reportPipe = try CommandPipe()
            let streams = try CommandStreams(request)
            let start = CommandStart(
                candidates: environment.candidates(for: request.arguments[0]), arguments: request.arguments,
                environment: environment.variables, directory: request.directory.isEmpty ? "/" : request.directory,
                identity: environment.identity, streams: streams.ofCommand)
            process = try start.start(limits: limits, report: reportPipe.writeEnd.descriptor)
            report = reportPipe.readEnd
            try report.descriptor.makeNonBlocking()
            outputs = streams.outputs.map { CommandOutput($0.descriptor, $0.type) }
            input = streams.input.map { CommandInput($0, isTerminal: request.terminal != nil, loop: loop) }
        } catch {
            throw AgentFailure(.busy, "the command can't be started: \(error)")
        }
    }

    /// Begins to serve the client.
    ///
    /// - Parameters:
    ///   - onEnd: is given the connection when nothing more is sent on it.
    ///   - onOver: is called when there is nothing left to do, but to wait for the process.
    func start(onEnd: @escaping (Connection) -> Void, onOver: @escaping () -> Void) {
        self.onEnd = onEnd
        self.onOver = onOver
        connection?.onFrame = { [unowned self] frame in receive(frame) }
        connection?.onMistake = { [unowned self] mistake in refuse(mistake) }
        connection?.onEnd = { [unowned self] in hangUp() }
        connection?.onRoom = { [unowned self] in resume() }
        input?.onCredit = { [unowned self] count in connection?.send(AgentMessage.credit(count).frame) }
        reportToken = try? loop.add(report.descriptor, .readable) { [unowned self] _ in checkStart() }
        resume()
    }

    // MARK: The start

    /// Finds out whether the program runs, which it tells by closing the report.
    private func checkStart() {
        guard case .starting = phase else { return }
        switch try? ByteStream.read(report.descriptor) {
        case .wouldBlock: return
        case .bytes(let bytes):
            // Its process ends by itself.
            stopReport()
            fail(CommandStart.Failure(bytes))
        case .end, nil:
            stopReport()
            phase = .running
            connection?.send(AgentMessage.started(process: UInt32(process)).frame)
            if isDetached, let connection {
                self.connection = nil
                onEnd(connection)
            }
        }
    }

    private func stopReport() {
        if let reportToken {
            loop.remove(reportToken)
        }
        reportToken = nil
        report.close()
    }

    private func fail(_ failure: CommandStart.Failure?) {
        let isAbsent = failure?.errno == .noSuchFileOrDirectory || failure?.errno == .notDirectory
        let what =
            switch failure?.stage {
            case .directory: "its directory: "
            case .user: "its user: "
            case .terminal: "its terminal: "
            case .program, nil: ""
            }
        let reason = failure.map { "\($0.errno)" } ?? "it can't be started"
        connection?.send(
            AgentMessage.failed(
                AgentFailure(isAbsent ? .notFound : .notExecutable, what + reason)
            ).frame)
        finish()
    }

    // MARK: The client

    private func receive(_ frame: Frame) {
        do throws(ProtocolError) {
            switch try ExecInput(frame) {
            case .input(let bytes):
                guard let input else { throw .unexpectedFrame(.input) }
                try input.write(bytes)
            case .inputEnd: input?.end()
            case .signal(let number): send(signal: Int32(number))
            case .windowSize(let size):
                guard hasTerminal, let master = outputs.first, !master.isOver else { break }
                GuestTerminal.resize(master.descriptor, rows: size.rows, columns: size.columns)
            }
        } catch {
            refuse(error)
        }
    }

    /// Ends a conversation with a client that does not keep to the protocol.
    private func refuse(_ mistake: ProtocolError) {
        guard let connection else { return }
        connection.send(AgentMessage.failed(AgentFailure(.badRequest, "\(mistake)")).frame)
        self.connection = nil
        onEnd(connection)
        hangUp()
    }

    /// The client is gone: the command is told so, and ended where that does not help.
    func hangUp() {
        connection?.close()
        connection = nil
        guard !hasEnded else { return finish() }
        // Who was told that it runs may go. A client that did not wait for that, or broke a rule, gets what others get.
        if case .running = phase, isDetached { return }
        send(signal: SIGHUP)
        // One that is stopped hears of it only then.
        send(signal: SIGCONT)
        closeStreams()
        guard killTimer == nil else { return }
        killTimer = loop.schedule(afterMilliseconds: Self.gracePeriod) { [weak self] in
            self?.send(signal: SIGKILL)
        }
    }

    private func send(signal: Int32) {
        // After that the number may be somebody else's.
        guard !hasEnded else { return }
        if kill(-process, signal) != 0 {
            // It does not lead its group yet.
            kill(process, signal)
        }
    }

    // MARK: Output

    /// Goes on reading where there is room for what is read.
    private func resume() {
        for output in outputs where !output.isOver {
            if hasEnded, lingerTimer == nil {
                drain(output)
            } else {
                output.wait(on: loop) { [unowned self] in withExtendedLifetime(self) { forward(output) } }
            }
        }
        finishIfDrained()
    }

    private func forward(_ output: CommandOutput) {
        // The program runs, if it writes: that is said first.
        checkStart()
        guard let connection else { return }
        if !connection.isCongested {
            switch output.read() {
            case .bytes(let bytes): connection.send(output.type, bytes)
            case .wouldBlock, .end: break
            }
        }
        if connection.isCongested {
            for output in outputs { output.stopWaiting() }
        }
        finishIfDrained()
    }

    /// The command's process has ended. What it wrote is still sent, and what its children write for a while.
    func processEnded(_ status: CommandStatus) {
        hasEnded = true
        if let killTimer {
            loop.cancel(killTimer)
            // What of its group does not mind SIGHUP would be left behind. The number is nobody else's before others
            // of the group are gone.
            kill(-process, SIGKILL)
        }
        checkStart()
        guard case .running = phase, connection != nil else { return finish() }
        phase = .ended(status)
        // What the client has sent meanwhile is dropped.
        input?.close()
        guard !hasTerminal else { return endOutput() }
        lingerTimer = loop.schedule(afterMilliseconds: Self.lingerTime) { [unowned self] in
            // A handler may be all that refers to it.
            withExtendedLifetime(self) { endOutput() }
        }
        // Mostly there is nothing left but the end.
        for output in outputs where !output.isOver { forward(output) }
        resume()
    }

    /// Sends what there is, and no more.
    private func endOutput() {
        stopLingering()
        for output in outputs where !output.isOver {
            output.stopWaiting()
            output.remainder =
                hasTerminal ? Self.terminalRemainder : GuestTerminal.readableCount(output.descriptor)
            drain(output)
        }
        finishIfDrained()
    }

    private func stopLingering() {
        if let lingerTimer {
            loop.cancel(lingerTimer)
        }
        lingerTimer = nil
    }

    private func drain(_ output: CommandOutput) {
        while let connection, !connection.isCongested, !output.isOver {
            switch output.read() {
            case .bytes(let bytes): connection.send(output.type, bytes)
            case .wouldBlock: output.close()
            case .end: break
            }
        }
    }

    private func finishIfDrained() {
        guard case .ended(let status) = phase, outputs.allSatisfy(\.isOver) else { return }
        connection?.send(AgentMessage.exited(status).frame)
        finish()
    }

    private func finish() {
        phase = .over
        stopLingering()
        stopReport()
        closeStreams()
        if let connection {
            self.connection = nil
            onEnd(connection)
        }
        onOver()
    }

    /// Whether there is nothing left to do, but to wait for the process.
    var isOver: Bool {
        if case .over = phase { true } else { false }
    }

    private func closeStreams() {
        input?.close()
        input = nil
        for output in outputs {
            output.close()
        }
    }
}
