import AgentProtocol
import Glibc
import Host
import SystemPackage

/// This process's streams and signals, for as long as a command runs in a guest.
final class ExecSession {
    private let loop: EventLoop
    private let connection: OwnedFileDescriptor
    private let request: ExecRequest
    private let signals: SignalDescriptor
    private let sending: OutputStream
    private let outputFile: OwnedFileDescriptor
    private let errorFile: OwnedFileDescriptor
    private let output: OutputStream
    private let errors: OutputStream
    private let input: ExecInputReader?
    private var connectionToken: EventLoop.Token?
    private var parser = FrameParser()
    private var ending: Result<Int32, any Error>?
    private var hasStarted = false
    private var interruptions = 0
    private var isInterrupted = false

    /// Whether keys go through to the command's terminal.
    private var isRaw: Bool { request.hasInput && request.terminal != nil }
    /// A person who asks for the end that often gets it, whatever the command does.
    private static let patience = 3
    /// Milliseconds between two looks at signals while a reader here is waited for.
    private static let flushInterval: UInt64 = 200

    /// - Parameter connection: to the agent, which has been sent nothing yet.
    init(_ connection: consuming OwnedFileDescriptor, _ request: ExecRequest) throws(SystemCallError) {
        loop = try EventLoop()
        self.request = request
        signals = try SignalDescriptor(
            [SIGTERM, SIGINT, SIGQUIT, SIGHUP] + (request.terminal != nil ? [SIGWINCH, SIGCONT] : [])
                + (request.hasInput && request.terminal != nil ? [SIGTSTP] : []))
        try connection.descriptor.makeNonBlocking()
        sending = OutputStream(connection.descriptor, loop: loop)
        self.connection = connection
        outputFile = try FileDescriptor.standardOutput.reopenedWithoutBlocking(.writeOnly)
        errorFile = try FileDescriptor.standardError.reopenedWithoutBlocking(.writeOnly)
        output = OutputStream(outputFile.descriptor, loop: loop)
        errors = OutputStream(errorFile.descriptor, loop: loop)
        input = request.hasInput ? try ExecInputReader(loop: loop, sending: sending) : nil
    }

    /// Runs the command to its end.
    ///
    /// - Returns: the status to exit with.
    /// - Throws: `AgentFailure` where it was not run, `ProtocolError`, `SystemCallError`.
    func run() throws -> Int32 {
        let token = try loop.add(signals.descriptor, .readable) { [unowned self] _ in receiveSignals() }
        defer { loop.remove(token) }
        if isRaw {
            try RawTerminal.enter(.standardInput, processesOutput: false)
        }
        defer { RawTerminal.restore() }
        sending.onRoom = { [unowned self] in input?.resume() }
        for stream in [output, errors] {
            stream.onRoom = { [unowned self] in listen() }
            stream.waitsForSpace = false
            stream.onClose = { [unowned self, unowned stream] in end(Self.ending(of: stream)) }
        }
        sending.write(AgentRequest.exec(request).frame.bytes)
        listen()
        input?.resume()
        while ending == nil { try loop.run() }
        try flush()
        return try ending?.get() ?? ExecCommand.Status.refused
    }

    /// What ends with a stream that can't be written: the command as it would end here, where its reader is gone.
    private static func ending(of stream: OutputStream) -> Result<Int32, any Error> {
        loss(of: stream).map { .failure($0) } ?? .success(128 + SIGPIPE)
    }

    /// Why some of a stream is lost, unless it is that its reader is gone.
    private static func loss(of stream: OutputStream) -> Refusal? {
        let gone: [Errno] = [.brokenPipe, .connectionReset]
        guard let failure = stream.failure, !gone.contains(failure.errno) else { return nil }
        return Refusal("what the command writes can't be written here: \(failure.errno)")
    }

    /// Writes what readers here have not taken yet. A signal ends that, as it did all the rest.
    ///
    /// - Throws: `Refusal` where some of it is lost.
    private func flush() throws {
        for stream in [output, errors] {
            while stream.waitingCount > 0, !stream.isClosed, !isInterrupted {
                stream.flush(patience: Self.flushInterval)
                while let signal = signals.next() {
                    isInterrupted = isInterrupted || ![SIGWINCH, SIGCONT, SIGTSTP].contains(signal)
                }
            }
            if let loss = Self.loss(of: stream) { throw loss }
        }
    }

    private func interrupt(_ signal: Int32) {
        isInterrupted = true
        end(.success(128 + signal))
    }

    private func end(_ result: Result<Int32, any Error>) {
        ending = ending ?? result
        loop.stop()
    }

    private func send(_ message: ExecInput) { sending.write(message.frame.bytes) }

    // MARK: Signals

    private func receiveSignals() {
        while let signal = signals.next() {
            switch signal {
            case SIGWINCH: sendSize()
            case SIGTSTP:
                RawTerminal.restore()
                raise(SIGSTOP)
            case SIGCONT:
                if isRaw { try? RawTerminal.enter(.standardInput, processesOutput: false) }
                sendSize()
            case SIGHUP: interrupt(signal)
            case _ where isRaw: interrupt(signal)
            default:
                interruptions += 1
                if interruptions >= Self.patience { return interrupt(signal) }
                send(.signal(UInt8(signal)))
            }
        }
    }

    private func sendSize() {
        send(.windowSize(WindowSize(of: TerminalSize(of: .standardOutput))))
    }

    // MARK: Output

    /// Reads what the agent sends, unless a reader here is slow: then the command waits, in the end.
    private func listen() {
        guard connectionToken == nil, !output.isCongested, !errors.isCongested else { return }
        do throws(SystemCallError) {
            connectionToken = try loop.add(connection.descriptor, .readable) { [unowned self] _ in receive() }
        } catch {
            end(.failure(error))
        }
    }

    private func receive() {
        do {
            switch try ByteStream.read(connection.descriptor, limit: AgentProtocol.maximumData) {
            case .bytes(let bytes): parser.append(bytes)
            case .wouldBlock: return
            case .end where request.isDetached && hasStarted: end(.success(0))
            case .end: throw Refusal("the connection to the guest is gone")
            }
            while ending == nil, let frame = try parser.next() {
                try take(frame)
            }
        } catch {
            end(.failure(error))
        }
        if output.isCongested || errors.isCongested || ending != nil {
            connectionToken.map(loop.remove)
            connectionToken = nil
        }
    }

    private func take(_ frame: Frame) throws {
        // The payload is what is shown: it needs no copy.
        switch frame.type {
        case .output: return output.write(frame.payload)
        case .errors: return errors.write(frame.payload)
        default: break
        }
        switch try AgentMessage(frame) {
        case .started: hasStarted = true
        case .warning: break
        case .credit(let count): try input?.grant(count)
        case .exited(let status): end(.success(status.shellStatus))
        case .failed(let failure): throw failure
        default: throw ProtocolError.unexpectedFrame(frame.type)
        }
    }
}
