import CloudHypervisor
import Configuration
import Glibc
import Host
import QMPProtocol
import SystemPackage

/// The world around the API: machines are processes of `swiftlet run`.
final class MachineHost: VMHost {
    let process = getpid()
    let version = QMPVersion.swiftlet
    private let request: APIServerRequest
    private let program: FilePath
    private let loop: EventLoop
    private let serverLog: ServerLog
    /// Whether the server is asked to end, so that nobody waits for a machine any more.
    private let isEnding: () -> Bool
    /// Called when a machine's process has ended.
    var onEnd: () -> Void = {}

    /// - Parameter program: `swiftlet`.
    init(
        _ request: APIServerRequest, program: FilePath, loop: EventLoop, log: ServerLog,
        isEnding: @escaping () -> Bool
    ) {
        self.request = request
        self.program = program
        self.loop = loop
        serverLog = log
        self.isEnding = isEnding
    }

    let firstPassedNumber = MachineProcess.firstPassedNumber

    func start(_ start: VMStart) throws(APIError) -> MachineProcess {
        let control = FilePath(request.controlSocket)
        let sockets = [control] + request.qmp.map { FilePath($0.path) }
        let options = ["run"] + start.arguments + sockets.map { "--qmp=unix:\($0)" }
        let machine: MachineProcess
        do throws(SystemCallError) {
            machine = try MachineProcess(
                program, options, control: control, usesTerminal: start.usesTerminal,
                passed: start.descriptors.map { FileDescriptor(rawValue: $0.number) }, loop: loop, log: serverLog)
        } catch {
            throw APIError(.internalServerError, "the VM could not be started", "\(error)")
        }
        try machine.waitUntilReady(terminals: start.terminals, isCancelled: isEnding)
        machine.watch { [unowned self] in onEnd() }
        return machine
    }

    func problem(with file: String) -> String? {
        do {
            // A pipe without a writer would block.
            let opened = try OwnedFileDescriptor(opening: FilePath(file), .readOnly, options: .nonBlocking)
            let status = try opened.descriptor.stat()
            guard status.type == .regular else { return "not a file" }
            return status.size > 0 ? nil : "the file is empty"
        } catch {
            let reason = (error as? SystemCallError)?.errno ?? (error as? Errno) ?? .ioError
            return "cannot be read: \(reason)"
        }
    }

    func log(_ text: String) { serverLog.write(text) }
}
