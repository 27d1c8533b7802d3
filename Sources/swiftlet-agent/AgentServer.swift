import AgentProtocol
import Glibc
import GuestSystem
import Host
import SystemPackage

/// Serves clients: one operation a connection. Commands run beside this process and are served by its loop. What works
/// on files or asks the kernel for much is done in a process of its own, so that a file system that hangs, hangs nobody
/// else.
final class AgentServer {
    private let loop: EventLoop
    private let listener: AgentListener?
    private let limits: AgentLimits
    private let isFirst: Bool
    private let signals: SignalDescriptor
    private let first: FirstProcess?
    private var listenerToken: EventLoop.Token?
    /// Connections whose request has not come yet.
    private var waiting: [ObjectIdentifier: Connection] = [:]
    /// Connections that have been answered, until they are closed.
    private var answered: [ObjectIdentifier: Connection] = [:]
    private var commands: [Int32: CommandSession] = [:]
    /// Commands that have ended, whose output is still on its way.
    private var draining: [ObjectIdentifier: CommandSession] = [:]
    private var workers: Set<Int32> = []

    /// Connections at once, and of these operations in processes of their own. Commands that run on without a client are
    /// nobody's connection.
    private static let maximumConnections = 1024
    private static let maximumWorkers = 64
    private static let maximumDetached = 1024
    /// Milliseconds that a request may take to come.
    private static let requestPatience: UInt64 = 30_000
    /// Milliseconds until connections are accepted again where there are no descriptors.
    private static let acceptDelay: UInt64 = 200

    /// - Parameter listener: nil where there can be no clients: what is left are the first process's duties.
    init(_ listener: AgentListener?, isFirst: Bool, limits: AgentLimits) throws(SystemCallError) {
        loop = try EventLoop()
        self.listener = listener
        self.limits = limits
        self.isFirst = isFirst
        signals = try SignalDescriptor([SIGCHLD, SIGTERM, SIGINT, SIGHUP] + (isFirst ? [SIGUSR1, SIGUSR2] : []))
        first = isFirst ? FirstProcess(loop: loop) : nil
    }

    /// Serves until a signal ends it.
    func run() throws(SystemCallError) {
        let token = try loop.add(signals.descriptor, .readable) { [unowned self] _ in receiveSignals() }
        defer { loop.remove(token) }
        listen()
        try loop.run()
        for command in commands.values {
            command.hangUp()
        }
    }

    // MARK: Signals

    private func receiveSignals() {
        while let signal = signals.next() {
            switch signal {
            case SIGCHLD: reap()
            case SIGHUP: break
            case _ where isFirst: first?.obey(signal: signal)
            default: loop.stop()
            }
        }
    }

    private func reap() {
        while let ending = ChildProcesses.reap() {
            if let command = commands.removeValue(forKey: ending.process) {
                let status: CommandStatus =
                    ending.signal != 0 ? .killed(signal: ending.signal) : .exited(ending.status)
                command.processEnded(status)
                if !command.isOver { draining[ObjectIdentifier(command)] = command }
            } else {
                workers.remove(ending.process)
            }
        }
        if listenerToken == nil { listen() }
    }

    // MARK: Connections

    private var connectionCount: Int {
        let attended = commands.values.count { !$0.isDetached }
        return waiting.count + answered.count + attended + draining.count + workers.count
    }

    private func listen() {
        guard let listener, listenerToken == nil else { return }
        listenerToken = try? loop.add(listener.descriptor, .readable) { [unowned self] _ in accept() }
    }

    private func stopListening() {
        if let listenerToken {
            loop.remove(listenerToken)
        }
        listenerToken = nil
    }

    private func accept() {
        guard connectionCount < Self.maximumConnections else { return pauseListening() }
        do throws(SystemCallError) {
            guard let socket = try listener?.accept() else { return }
            try socket.descriptor.makeNonBlocking()
            try serve(Connection(socket, loop: loop))
        } catch {
            switch error.errno {
            case .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory: pauseListening()
            // It went away before it was accepted, or there was none.
            default: break
            }
        }
    }

    private func pauseListening() {
        stopListening()
        loop.schedule(afterMilliseconds: Self.acceptDelay) { [unowned self] in listen() }
    }

    private func serve(_ connection: Connection) throws(SystemCallError) {
        let key = ObjectIdentifier(connection)
        let timer = loop.schedule(afterMilliseconds: Self.requestPatience) { [unowned self] in
            waiting.removeValue(forKey: key)?.close()
        }
        connection.onEnd = { [unowned self] in
            loop.cancel(timer)
            waiting[key] = nil
        }
        connection.onFrame = { [unowned self] frame in
            loop.cancel(timer)
            guard let connection = waiting.removeValue(forKey: key) else { return }
            perform(frame, connection)
        }
        connection.onMistake = { [unowned self] mistake in
            loop.cancel(timer)
            guard let connection = waiting.removeValue(forKey: key) else { return }
            answer(.failed(AgentFailure(.badRequest, "\(mistake)")), connection)
        }
        waiting[key] = connection
        try connection.start()
    }

    // MARK: Requests

    private func perform(_ frame: Frame, _ connection: Connection) {
        let request: AgentRequest
        do throws(ProtocolError) {
            request = try AgentRequest(frame)
        } catch {
            return answer(.failed(AgentFailure(.badRequest, "\(error)")), connection)
        }
        switch request {
        case .exec(let request): execute(request, connection)
        case .information:
            answer(
                .informationReport(
                    AgentInformation(
                        kernel: GuestKernel.release, process: UInt32(getpid()), commands: UInt32(commands.count))),
                connection)
        case .shutdown(let action): shutDown(action, connection)
        default: work(request, connection)
        }
    }

    private func execute(_ request: ExecRequest, _ connection: Connection) {
        guard !request.isDetached || commands.values.count(where: \.isDetached) < Self.maximumDetached else {
            return answer(.failed(AgentFailure(.busy, "too many commands run on without a client")), connection)
        }
        do throws(AgentFailure) {
            let session = try CommandSession(request, connection: connection, loop: loop, limits: limits)
            commands[session.process] = session
            let key = ObjectIdentifier(session)
            session.start(
                onEnd: { [unowned self] connection in letGo(connection) },
                onOver: { [unowned self] in draining[key] = nil })
        } catch {
            answer(.failed(error), connection)
        }
    }

    private func work(_ request: AgentRequest, _ connection: Connection) {
        guard workers.count < Self.maximumWorkers else {
            return answer(.failed(AgentFailure(.busy, "too many operations at once")), connection)
        }
        do throws(SystemCallError) {
            switch try ChildProcesses.fork(with: connection.descriptor) {
            case .child(let descriptor): Worker.run(request, descriptor, read: connection.parser)
            case .parent(let child):
                workers.insert(child)
                connection.close()
            }
        } catch {
            answer(.failed(AgentFailure(.busy, "\(error)")), connection)
        }
    }

    private func shutDown(_ action: ShutdownAction, _ connection: Connection) {
        answer(.done, connection)
        // The answer is on its way before the network goes.
        loop.schedule(afterMilliseconds: 100) { [unowned self] in
            if let first {
                first.end(action)
            } else {
                ServiceShutdown.request(action)
            }
        }
    }

    /// Sends the last message of a connection.
    private func answer(_ message: AgentMessage, _ connection: Connection) {
        connection.send(message.frame)
        letGo(connection)
    }

    /// Keeps a connection until all has been sent, and its client has seen that.
    private func letGo(_ connection: Connection) {
        let key = ObjectIdentifier(connection)
        answered[key] = connection
        connection.onFrame = { _ in }
        connection.onRoom = {}
        connection.onMistake = { [unowned self] _ in answered.removeValue(forKey: key)?.close() }
        connection.onEnd = { [unowned self] in answered[key] = nil }
        connection.closeWhenSent()
    }
}
