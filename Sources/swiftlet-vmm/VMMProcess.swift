import Configuration
import Console
import Glibc
import Host
import Machine
import MachineLog
import Monitor
import QMP
import QMPProtocol
import RunDirectory
import SystemPackage

/// The process that holds a guest: its main thread, which serves console, monitor and signals, and ends when the
/// machine does.
final class VMMProcess {
    private let request: LaunchRequest
    private let loop: EventLoop
    private let signals: SignalDescriptor
    private let events: Mailbox<MachineEvent>
    private let log: Log
    private var console: Console?
    private var channelServers: [ChannelServer] = []
    /// What tells that the terminal has another size; nil where the guest is not told.
    private var resizes: SignalDescriptor?
    private var monitorServer: SocketServer?
    private var qmpServers: [SocketServer] = []
    private let sizeChanges = SizeChanges()
    /// By device, in bytes, where they are no longer what the machine was started with.
    private var requestedSizes: [String: UInt64] = [:]
    /// Whether a client of QMP, or the monitor, ends the machine.
    private var isEndedByClient = false
    private var machine: Machine?
    /// Of the pipe that the machine ends with.
    private var pipeToken: EventLoop.Token?
    /// What the process ends with; a machine that was never there is no success.
    private var status: CInt = 1

    /// - Throws: what the host refuses.
    init(_ request: LaunchRequest) throws {
        self.request = request
        // Each connection takes one.
        if request.machine.vsock != nil { DescriptorLimit.raise() }
        loop = try EventLoop()
        // Before any other thread is made, so that all of them have the signals blocked.
        signals = try SignalDescriptor([SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT])
        events = try Mailbox()
        log = Log(request.logs, machine: request.machine.name, loop: loop)
    }

    /// Runs the machine until it ends.
    ///
    /// - Returns: the exit status.
    /// - Throws: what the host or the start refuses.
    func run() throws -> CInt {
        defer {
            console?.finish()
            channelServers.forEach { $0.finish() }
            monitorServer?.finish()
            qmpServers.forEach { $0.finish() }
            log.finish()
            // The sockets are this process's since it was started, whatever became of the machine.
            for path in socketPaths {
                try? FilePath(path).removeFile()
            }
            // Who finds the machine gone looks into its log.
            request.runDirectory.map { RunDirectory(at: FilePath($0.path)).remove(keepingLog: status != 0) }
        }
        if let directory = request.runDirectory {
            RunDirectory.note(process: getpid(), in: FileDescriptor(rawValue: directory.descriptor))
        }
        let serial = try openChannel(request.serial)
        let console = ConsoleEnd(try openChannel(request.console), size: try terminalSize())
        if self.console == nil, request.monitor == .stdio {
            try openConsole(guest: nil)
        }
        _ = try loop.add(signals.descriptor, .readable) { [unowned self] _ in receiveSignals() }
        let endWith = request.endWith.map { FileDescriptor(rawValue: $0) }
        if let endWith {
            pipeToken = try loop.add(endWith, .readable) { [unowned self] _ in endIfAlone(endWith) }
        }
        let events = events
        try events.attach(to: loop) { [unowned self] event in receive(event) }
        try Machine.installProcessHandlers()
        let sizeChanges = sizeChanges
        let areSizesTold = areSizesTold
        let signals = signals.descriptor
        let machine: Machine
        do {
            machine = try Machine(
                request.machine, boot: boot, serial: serial, console: console,
                events: { event in
                    if case .memoryDeviceSizeChanged(let id, let size) = event {
                        guard areSizesTold, sizeChanges.note(id, size: size) else { return }
                    }
                    events.send(event)
                }, isCancelled: { Self.isOver(signals: signals, endWith: endWith) })
        } catch {
            guard case .ended = error else { throw error }
            // A signal ended it before it began, or the end of whoever started it.
            status = 0
            return status
        }
        self.machine = machine
        try startMonitor(of: machine)
        try startQMP(of: machine)
        emptyChannelFiles()
        var failure: MachineError?
        // Clients that wait already are answered first: what a start takes is loading the kernel.
        loop.schedule(afterMilliseconds: 0) { [unowned self] in
            do throws(MachineError) {
                try machine.resume()
            } catch MachineError.ended {
                // A client or a signal came before; the last event ends the loop.
            } catch {
                failure = error
                loop.stop()
            }
        }
        try loop.run()
        if let failure { throw failure }
        return status
    }

    private var boot: BootSource {
        BootSource(
            kernel: FileDescriptor(rawValue: request.kernel.descriptor), layout: request.kernel.layout,
            initialRAMDisk: request.initialRAMDisk.map {
                BootSource.InitialRAMDisk(descriptor: FileDescriptor(rawValue: $0.descriptor), size: $0.size)
            })
    }

    /// Opens our end of what the serial port or the virtio console leads to.
    private func openChannel(_ channel: LaunchRequest.Channel) throws -> CharacterChannel {
        switch channel {
        case .null:
            return .null
        case .stdio:
            let (ours, guests) = try makeByteChannel()
            try openConsole(guest: ours)
            return .stream(guests)
        case .descriptor(let number, let name):
            let descriptor = FileDescriptor(rawValue: number)
            // A file never blocks; what else has a path may.
            try descriptor.makeNonBlocking()
            guard RawTerminal.isTerminal(descriptor) else { return .file(descriptor, name: name) }
            return .pseudoTerminal(descriptor)
        case .listener(let listener):
            let (ours, guests) = try makeByteChannel()
            channelServers.append(
                try ChannelServer(guest: ours, listener: FileDescriptor(rawValue: listener.descriptor), loop: loop))
            return .stream(guests)
        }
    }

    /// Each run has a log of its own; what the file held is lost only now that nothing is left to refuse.
    private func emptyChannelFiles() {
        for case .descriptor(let number, _) in [request.serial, request.console] {
            // Anything but a file has nothing to empty.
            try? FileDescriptor(rawValue: number).resize(to: 0)
        }
    }

    /// The size of the terminal that shows the virtio console; from now on the guest is told when it changes.
    ///
    /// - Returns: nil where no terminal does.
    private func terminalSize() throws -> ConsoleEnd.TerminalSize? {
        guard request.console == .stdio, RawTerminal.isTerminal(.standardInput) else { return nil }
        let resizes = try SignalDescriptor([SIGWINCH])
        _ = try loop.add(resizes.descriptor, .readable) { [unowned self] _ in
            while self.resizes?.next() != nil {}
            tellTerminalSize()
        }
        self.resizes = consume resizes
        return ConsoleEnd.TerminalSize(TerminalSize(of: .standardInput))
    }

    private func tellTerminalSize() {
        guard resizes != nil else { return }
        // A machine that has ended has nobody to tell.
        try? machine?.setConsoleSize(ConsoleEnd.TerminalSize(TerminalSize(of: .standardInput)))
    }

    private func openConsole(guest: FileDescriptor?) throws {
        let texts = ConsoleTexts(
            quitting: "quit", switching: "switch between console and monitor",
            withoutSession: "no monitor here: start with --monitor stdio")
        console = try Console(guest: guest, loop: loop, texts: texts, onQuit: { [unowned self] in quit() })
    }

    private func startMonitor(of machine: Machine) throws {
        let monitor = Monitor(machine: machine, configuration: request.machine)
        console?.start { [unowned self] output, echoes in
            guard request.monitor == .stdio else { return nil }
            return MonitorSession(monitor: monitor, output: output, echoes: echoes) { [unowned self] in quit() }
        }
        if case .listener(let listener) = request.monitor {
            monitorServer = try SocketServer(
                listener: FileDescriptor(rawValue: listener.descriptor), loop: loop, limit: Self.monitorLimit
            ) { [unowned self] output in
                MonitorSession(monitor: monitor, output: output, echoes: false) { [unowned self] in quit() }
            }
        }
    }

    /// Connections at a time, of the monitor and of each socket for QMP.
    private static let monitorLimit = 16
    private static let qmpLimit = 128

    private func startQMP(of machine: Machine) throws {
        let executor = QMPExecutor(
            machine: machine, configuration: request.machine, serial: request.serial, console: request.console)
        for listener in request.qmp {
            qmpServers.append(
                try SocketServer(
                    listener: FileDescriptor(rawValue: listener.descriptor), loop: loop, limit: Self.qmpLimit
                ) { [unowned self] output in
                    QMPConversation(executor: executor, output: output) { [unowned self] in quit() }
                })
        }
    }

    private var socketPaths: [String] {
        var paths = request.qmp.map(\.path)
        if case .listener(let listener) = request.monitor { paths.append(listener.path) }
        for case .listener(let listener) in [request.serial, request.console] { paths.append(listener.path) }
        if let vsock = request.machine.vsock { paths.append(vsock.path) }
        return paths
    }

    /// Ends the machine because a client says so.
    private func quit() {
        isEndedByClient = true
        stop()
    }

    /// Ends the machine; its last event ends the process.
    private func stop() {
        machine?.stop()
    }

    private func receiveSignals() {
        while let signal = signals.next() {
            switch signal {
            case SIGTSTP:
                console?.suspend()
                raise(SIGSTOP)
            case SIGCONT:
                console?.resume()
                tellTerminalSize()
            default: stop()
            }
        }
    }

    /// Whether the machine shall end before it begins.
    private static func isOver(signals: FileDescriptor, endWith: FileDescriptor?) -> Bool {
        ByteStream.waitUntilReadable(signals, milliseconds: 0) || endWith.map { ByteStream.isHungUp($0) } ?? false
    }

    /// Ends the machine where the process that holds the other end of a pipe is gone.
    private func endIfAlone(_ pipe: FileDescriptor) {
        switch try? ByteStream.read(pipe) {
        // Nothing that is written there means anything.
        case .bytes, .wouldBlock: break
        case .end, nil:
            pipeToken.map(loop.remove)
            stop()
        }
    }

    /// Tells the clients of QMP.
    ///
    /// - Returns: what they were told.
    @discardableResult private func tell(_ happening: MachineEvent) -> QMPEvent? {
        let event = QMPEvent(happening, endedByClient: isEndedByClient, time: WallClock.microseconds())
        if let event {
            for server in qmpServers {
                for case let talk as QMPConversation in server.talks { talk.tell(event) }
                server.closeEnded()
            }
        }
        return event
    }

    /// Whether anybody hears of changed sizes: if not, the guest's requests don't wake the main loop.
    private var areSizesTold: Bool {
        !request.qmp.isEmpty || request.logs.contains { $0.level <= .info }
    }

    private func tellSizes(of id: String) {
        guard let size = sizeChanges.next(id) else { return }
        tell(.memoryDeviceSizeChanged(id: id, size: size))
        let requested = requestedSizes[id] ?? request.machine.memoryDevices.first { $0.id == id }?.requestedSize ?? 0
        log.write(LogEntry(plugged: size, requested: requested, of: id))
        loop.schedule(afterMilliseconds: SizeChanges.interval) { [unowned self] in tellSizes(of: id) }
    }

    private func receive(_ happening: MachineEvent) {
        switch happening {
        case .memoryDeviceSizeChanged(let id, _): return tellSizes(of: id)
        case .memoryDeviceSizeRequested(let id, let size): requestedSizes[id] = size
        case .ended(let end):
            // The last sizes come before the end.
            for device in request.machine.memoryDevices { tellSizes(of: device.id) }
            status = end.exitStatus
            loop.stop()
        default: break
        }
        let event = tell(happening)
        if let entry = LogEntry(happening, event: event, machine: request.machine) {
            log.write(entry)
        }
    }
}

extension ConsoleEnd.TerminalSize {
    fileprivate init(_ size: TerminalSize) {
        self.init(columns: UInt16(clamping: size.columns), rows: UInt16(clamping: size.rows))
    }
}

extension MachineEnd {
    /// The status that the process ends with.
    fileprivate var exitStatus: CInt {
        switch self {
        case .powerOff, .reboot, .stopped: 0
        case .violation, .failed: 1
        }
    }
}
