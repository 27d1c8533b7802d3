import Control
import Host
import JSON
import QMPProtocol
import RunDirectory
import SystemPackage

/// Asks a machine again and again, and never waits for it. It belongs to the thread of its loop.
final class MachineWatch {
    let directory: RunDirectory
    /// The number of the machine's process.
    let process: Int32

    private let loop: EventLoop
    private var socket: FileDescriptor?
    private var token: EventLoop.Token?
    private var stream = JSONStream(maximumLength: MachineWatch.longestAnswer)
    /// When it was asked what it has not answered yet.
    private var askedAt: MonotonicInstant?
    private var status: String?
    private var answer: MachineLook?

    /// Milliseconds that an answer may take.
    private static let patience: UInt64 = 2_000
    /// Bytes; 256 devices need a fraction of that.
    private static let longestAnswer = 1 << 20
    /// Answered in this order, and told apart by their ids, which are their names.
    private static let questions = (status: "query-status", devices: "query-memory-devices")

    init(_ directory: RunDirectory, process: Int32, loop: EventLoop) {
        self.directory = directory
        self.process = process
        self.loop = loop
    }

    deinit {
        disconnect()
    }

    /// What has come of it until now.
    var look: MachineLook {
        if let askedAt, askedAt.advanced(byMilliseconds: Self.patience) <= .now() { return .silent }
        return answer ?? .waiting
    }

    /// Asks, unless it owes an answer.
    func ask() {
        let isOwed = askedAt != nil
        askedAt = askedAt ?? .now()
        guard socket == nil else {
            if !isOwed { send([Self.questions.status, Self.questions.devices]) }
            return
        }
        connect()
        send(["qmp_capabilities", Self.questions.status, Self.questions.devices])
    }

    private func connect() {
        do throws(SystemCallError) {
            let connection = try UnixSocket.connect(to: directory.qmpSocket).release()
            socket = connection
            stream = JSONStream(maximumLength: Self.longestAnswer)
            token = try loop.add(connection, .readable) { [unowned self] _ in receive() }
        } catch {
            // It is asked again the next time, and silent meanwhile.
            disconnect()
        }
    }

    private func disconnect() {
        token.map { loop.remove($0) }
        token = nil
        try? socket?.close()
        socket = nil
    }

    private func send(_ commands: [String]) {
        guard let socket else { return }
        let lines = commands.flatMap { QMPRequest($0, id: .string($0)).json.text + [0x0A] }
        if (try? socket.writeAll(lines)) == nil { disconnect() }
    }

    private func receive() {
        guard let socket else { return }
        switch try? ByteStream.read(socket) {
        case .bytes(let bytes):
            for case .success(let value) in stream.receive(bytes) {
                take(value)
            }
            if stream.hasEnded { disconnect() }
        case .wouldBlock: break
        case .end, nil: disconnect()
        }
    }

    private func take(_ value: JSONValue) {
        guard let result = value["return"] else { return }
        switch value["id"]?.string {
        case Self.questions.status: status = result["status"]?.string
        case Self.questions.devices:
            guard let status, let devices = DeviceReport.all(in: result) else { return }
            answer = .answered(status: status, devices: devices)
            askedAt = nil
        default: break
        }
    }
}
