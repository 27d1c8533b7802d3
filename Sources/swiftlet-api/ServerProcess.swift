import CloudHypervisor
import Configuration
import Glibc
import Host
import QMPProtocol
import SystemPackage

/// The server's main thread: it has the VM, answers one request after the other, and ends the server.
final class ServerProcess {
    private struct Question: Sendable {
        let request: APIRequest
        let reply: @Sendable (APIResponse) -> Void
    }

    private let request: APIServerRequest
    private let log: ServerLog
    private let loop: EventLoop
    private let signals: SignalDescriptor
    private let questions: Mailbox<Question>
    private let manager: VMManager<MachineHost>

    /// - Throws: what the host refuses.
    init(_ request: APIServerRequest) throws {
        self.request = request
        log = try ServerLog(request)
        loop = try EventLoop()
        // Before any other thread is made, so that all of them have the signals blocked.
        signals = try SignalDescriptor([SIGTERM, SIGINT, SIGHUP, SIGQUIT])
        questions = try Mailbox()
        let signalDescriptor = signals.descriptor
        let host = MachineHost(request, program: try RunProgram.path(), loop: loop, log: log) {
            ByteStream.waitUntilReadable(signalDescriptor, milliseconds: 0)
        }
        manager = VMManager(host: host)
        host.onEnd = { [unowned manager] in manager.noticeEnd() }
    }

    /// Serves until somebody ends it.
    ///
    /// - Throws: what the host refuses.
    func run() throws {
        let path = FilePath(request.socket)
        let listener = try makeListener(at: path)
        defer { try? path.removeFile() }
        for option in request.optionsWithoutEffect { log.write("\(option): without effect", level: .warning) }
        let questions = questions
        try questions.attach(to: loop) { [unowned self] in answer($0) }
        _ = try loop.add(signals.descriptor, .readable) { [unowned self] _ in
            if signals.next() != nil { loop.stop() }
        }
        let process = getpid()
        let server = try APIServer(listener: listener) { request, reply in
            if let response = APIResponse.immediate(request, process: process, version: QMPVersion.swiftlet) {
                return reply(response)
            }
            if !questions.send(Question(request: request, reply: reply)) { reply(Self.tooLate) }
        }
        log.write("serving \(path)")
        defer { log.write("the end") }
        try loop.run()
        manager.end()
        questions.close().forEach { $0.reply(Self.tooLate) }
        server.stop()
    }

    /// The answer to who asks while the server ends.
    private static let tooLate = APIResponse(APIError(.internalServerError, "the server is about to end"))

    private func answer(_ question: Question) {
        let response = manager.answer(question.request)
        log.write(
            "\(question.request.method) \(question.request.target.prefix(200)): \(response.status.rawValue)",
            level: .debug)
        question.reply(response)
        if response.endsServer { loop.stop() }
    }

    /// Makes the API's socket; one that a dead server left behind is replaced.
    private func makeListener(at path: FilePath) throws -> OwnedFileDescriptor {
        do {
            return try UnixSocket.listen(replacingLeftoverAt: path)
        } catch {
            throw ConfigurationError("--api-socket \(path)", "no socket can be made there: \(error.errno)")
        }
    }
}
