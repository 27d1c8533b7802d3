import Configuration
import Glibc
import Host
import Machine
import Monitor
import SystemPackage

/// The process that holds a guest: its main thread, which serves console, monitor and signals, and ends when the
/// machine does.
final class VMMProcess {
    private let request: LaunchRequest
    private let loop: EventLoop
    private let signals: SignalDescriptor
    private let events: Mailbox<MachineEvent>
    private let messages: Messages
    private var console: Console?
    private var server: MonitorServer?
    private var machine: Machine?
    private var status: CInt = 0

    /// - Throws: what the host refuses.
    init(_ request: LaunchRequest) throws {
        self.request = request
        loop = try EventLoop()
        // Before any other thread is made, so that all of them have the signals blocked.
        signals = try SignalDescriptor([SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT])
        events = try Mailbox()
        messages = Messages(loop: loop)
    }

    /// Runs the machine until it ends.
    ///
    /// - Returns: the exit status.
    /// - Throws: what the host or the start refuses.
    func run() throws -> CInt {
        defer {
            console?.finish()
            server?.finish()
            if case .listener(_, let path) = request.monitor {
                // The socket is this process's since it was started, whatever became of the machine.
                try? FilePath(path).removeFile()
            }
        }
        let serial = try openSerial()
        _ = try loop.add(signals.descriptor, .readable) { [unowned self] _ in receiveSignals() }
        let events = events
        try events.attach(to: loop) { [unowned self] event in receive(event) }
        try Machine.installProcessHandlers()
        let machine = try Machine(request.machine, boot: boot, serial: serial) { event in
            // Nobody here asks for sizes, and a guest can change them as often as it likes.
            if case .memoryDeviceSizeChanged = event { return }
            events.send(event)
        }
        self.machine = machine
        try startMonitor(of: machine)
        emptySerialFile()
        try machine.resume()
        try loop.run()
        return status
    }

    private var boot: BootSource {
        BootSource(
            kernel: FileDescriptor(rawValue: request.kernel.descriptor), layout: request.kernel.layout,
            initialRAMDisk: request.initialRAMDisk.map {
                BootSource.InitialRAMDisk(descriptor: FileDescriptor(rawValue: $0.descriptor), size: $0.size)
            })
    }

    private func openSerial() throws -> SerialChannel {
        switch request.serial {
        case .null:
            if request.monitor == .stdio {
                try openConsole(guest: nil)
            }
            return .null
        case .stdio:
            let (ours, guests) = try makeByteChannel()
            try openConsole(guest: ours)
            return .stream(guests)
        case .descriptor(let number, let name):
            if request.monitor == .stdio {
                try openConsole(guest: nil)
            }
            let descriptor = FileDescriptor(rawValue: number)
            // A file never blocks; what else has a path may.
            try descriptor.makeNonBlocking()
            guard RawTerminal.isTerminal(descriptor) else { return .file(descriptor, name: name) }
            return .pseudoTerminal(descriptor)
        }
    }

    /// Each run has a log of its own; what the file held is lost only now that nothing is left to refuse.
    private func emptySerialFile() {
        if case .descriptor(let number, _) = request.serial {
            // Anything but a file has nothing to empty.
            try? FileDescriptor(rawValue: number).resize(to: 0)
        }
    }

    private func openConsole(guest: FileDescriptor?) throws {
        console = try Console(guest: guest, loop: loop) { [unowned self] in quit() }
    }

    private func startMonitor(of machine: Machine) throws {
        let monitor = Monitor(machine: machine, configuration: request.machine)
        console?.start(monitor: request.monitor == .stdio ? monitor : nil)
        if case .listener(let number, _) = request.monitor {
            server = try MonitorServer(
                listener: FileDescriptor(rawValue: number), loop: loop, monitor: monitor
            ) { [unowned self] in quit() }
        }
    }

    /// Ends the machine; its last event ends the process.
    private func quit() {
        machine?.stop()
    }

    private func receiveSignals() {
        while let signal = signals.next() {
            switch signal {
            case SIGTSTP:
                console?.suspend()
                raise(SIGSTOP)
            case SIGCONT: console?.resume()
            default: quit()
            }
        }
    }

    private func consequence(of violation: MemoryViolation) -> String? {
        let device = request.machine.memoryDevices.first { $0.id == violation.device }
        return switch device?.onViolation {
        case .reset: "the machine is reset"
        case .exit: nil
        case .stop, nil: "the guest is paused, and tries again after 'cont'"
        }
    }

    private func receive(_ event: MachineEvent) {
        switch event {
        case .memoryDeviceSizeChanged, .resumed, .paused, .reset, .powerButtonPressed: break
        case .warning(let text): messages.write("warning: \(text)")
        case .resizeStalled(let id, let diagnosis): messages.write("\(id): \(diagnosis.explanation)")
        case .hostMemoryError(let region, let address):
            messages.write(
                "warning: \(region): the host's memory behind guest address 0x\(String(address, radix: 16)) is broken"
                    + " (a hardware error): what it held is lost")
        case .guestFailed(let reason):
            messages.write(
                "the guest can't go on, and is paused: \(reason)\n'swiftlet doctor' says what this host can run")
        case .violation(let violation):
            // What ends the process is said when it does.
            if let consequence = consequence(of: violation) {
                messages.write("violation: \(violation); \(consequence)")
            }
        case .memoryUnavailable(let reason):
            messages.write("the guest is paused, and tries again after 'cont': \(reason)")
        case .ended(.violation(let violation)):
            printError("violation: \(violation); the machine ends")
            status = 1
            loop.stop()
        case .ended(.failed(let reason)):
            printError(reason)
            status = 1
            loop.stop()
        case .ended: loop.stop()
        }
    }
}
