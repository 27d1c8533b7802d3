import Configuration
import GuestMemory
import Host

/// The machine as its event loop's thread has it: what is done on request, and when a vCPU reports something.
final class MachineCore {
    enum Message: Sendable {
        case perform(@Sendable (MachineCore) -> Void)
        /// What a vCPU's thread says, with the number of the virtual machine that it belongs to.
        case vcpu(VCPUThread.Report, incarnation: Int)
    }

    let hardware: MachineHardware
    private(set) var state = MachineState.paused {
        didSet {
            for device in hardware.memoryDevices {
                device.setPaused(state != .running)
            }
        }
    }
    /// Why the machine has ended; nil while it lives.
    private(set) var end: MachineEnd?

    private let boot: BootSource
    private let loop: EventLoop
    private let mailbox: Mailbox<Message>
    private let events: @Sendable (MachineEvent) -> Void
    private var virtualMachine: VirtualMachine?
    /// Milliseconds that a reader of the last output is waited for.
    private static let patience: UInt64 = 2_000

    private var memoryErrors = HostMemoryError.Reader()
    /// Host addresses of broken pages that were told since the last reset: each is told once.
    private var brokenPages: Set<UInt64> = []

    private var resets: UInt64 = 0

    /// Tells reports of the present virtual machine from those of former ones.
    private var incarnation = 0

    /// Builds the machine, paused before its kernel's entry.
    init(
        _ configuration: MachineConfiguration, boot: BootSource, serial: CharacterChannel, console: ConsoleEnd,
        mailbox: Mailbox<Message>, isCancelled: () -> Bool, events: @escaping @Sendable (MachineEvent) -> Void
    ) throws(MachineError) {
        self.boot = boot
        self.mailbox = mailbox
        self.events = events
        let loop = try MachineError.calling(MachineError.host) { () throws(SystemCallError) in try EventLoop() }
        self.loop = loop
        hardware = try MachineHardware(
            configuration, serial: serial, console: console, loop: loop, isCancelled: isCancelled, events: events)
        try MachineError.calling(MachineError.host) { () throws(SystemCallError) in
            try mailbox.attach(to: loop) { [unowned self] message in receive(message) }
            _ = try loop.add(HostMemoryError.watch(), .moreReadable) { [unowned self] _ in tellMemoryErrors() }
        }
        for device in hardware.memoryDevices {
            device.guestActivity = { [unowned self] in virtualMachine?.activity ?? .resting }
        }
        try makeVirtualMachine()
    }

    /// Serves the machine until it ends.
    ///
    /// - Returns: why it has ended.
    func serve() -> MachineEnd {
        do throws(SystemCallError) {
            try loop.run()
        } catch {
            finish(.failed(error.description))
        }
        // Whoever asked too late gets an answer too.
        for message in mailbox.close() {
            receive(message)
        }
        let reason = end ?? .stopped
        // Who stops a machine does not wait for what it still had to say.
        let patience = reason == .stopped ? 0 : Self.patience
        hardware.serial.flush(patience: patience)
        hardware.console?.flush(patience: patience)
        events(.ended(reason))
        return reason
    }

    // MARK: Requests

    /// Lets the vCPUs run. A guest that could not go on tries the same instruction again.
    ///
    /// - Throws: `MachineError` where the kernel can't be loaded; the machine is as it was.
    func resume() throws(MachineError) {
        guard state != .running, let virtualMachine else { return }
        try virtualMachine.prepare()
        tellingWhetherItRuns { run() }
    }

    private func run() {
        guard state != .running, let virtualMachine else { return }
        do throws(MemorySlotError) {
            try virtualMachine.slots.restore()
        } catch {
            state = .memoryUnavailable
            events(.memoryUnavailable("memory slots can't be made live again: \(error)"))
            return
        }
        state = .running
        virtualMachine.run()
    }

    /// Takes the vCPUs out of the guest.
    func pause() {
        guard state == .running, let virtualMachine else { return }
        tellingWhetherItRuns {
            virtualMachine.pause()
            state = .paused
        }
    }

    /// Tells it where something makes the vCPUs run, or stand still.
    private func tellingWhetherItRuns(_ body: () -> Void) {
        let ran = state == .running
        body()
        let runs = state == .running
        if end == nil, runs != ran {
            events(runs ? .resumed : .paused)
        }
    }

    /// Restarts the guest from its kernel's entry, with no memory plugged. A paused machine stays paused.
    func reset(byGuest: Bool) {
        tellingWhetherItRuns { restart(byGuest: byGuest) }
    }

    private func restart(byGuest: Bool) {
        guard end == nil else { return }
        let runs = state != .paused
        discardVirtualMachine()
        do throws(MachineError) {
            try hardware.systemReset()
            try makeVirtualMachine()
            if runs {
                try virtualMachine?.prepare()
            }
        } catch {
            finish(.failed("reset: \(error)"))
            return
        }
        state = .paused
        brokenPages = []
        resets += 1
        events(.reset(byGuest: byGuest))
        if runs {
            run()
        }
    }

    /// Presses the power button; the guest does what it likes about that.
    func pressPowerButton() {
        hardware.powerButton.signal()
        events(.powerButtonPressed)
    }

    /// Ends the machine.
    func finish(_ reason: MachineEnd) {
        guard end == nil else { return }
        end = reason
        discardVirtualMachine()
        loop.stop()
    }

    func memoryDevice(_ id: String) throws(MachineError) -> MemoryDeviceUnit {
        guard let device = hardware.memoryDevices.first(where: { $0.id == id }) else { throw .noSuchDevice(id) }
        return device
    }

    /// What was counted.
    var metrics: MachineMetrics {
        MachineMetrics(
            exits: hardware.exits.map(\.values), resets: resets, devices: hardware.memoryDevices.map(\.metrics))
    }

    /// Numbers of the vCPUs' threads on the host; empty where the machine has ended.
    var processorThreads: [Int32] { virtualMachine?.threadIDs ?? [] }

    /// The live memory slots by address.
    var memorySlots: [MemorySlotStatus] {
        guard let virtualMachine else { return [] }
        return virtualMachine.slots.live
            .map { MemorySlotStatus(addresses: $0.start..<$0.start + $0.size, name: $0.name) }
            .sorted { $0.addresses.lowerBound < $1.addresses.lowerBound }
    }

    // MARK: Virtual machines

    private func makeVirtualMachine() throws(MachineError) {
        incarnation += 1
        let (incarnation, mailbox) = (incarnation, mailbox)
        virtualMachine = try VirtualMachine(hardware, boot: boot) { report in
            mailbox.send(.vcpu(report, incarnation: incarnation))
        }
    }

    private func discardVirtualMachine() {
        virtualMachine?.destroy()
        virtualMachine = nil
    }

    private func receive(_ message: Message) {
        switch message {
        case .perform(let request): request(self)
        case .vcpu(let report, incarnation): receive(report)
        case .vcpu: break
        }
    }

    private func receive(_ report: VCPUThread.Report) {
        guard end == nil else { return }
        switch report {
        case .powerOff: finish(.powerOff)
        case .reset where hardware.configuration.onReboot == .exit: finish(.reboot)
        case .reset: reset(byGuest: true)
        case .failed(let reason): fail(reason)
        case .stuck(let stop): judge(stop)
        case .brokenMemory(let hostAddress):
            tellMemoryErrors()
            let place = hardware.memory.location(ofHostAddress: hostAddress).map { place in
                "\(place.region.name) at \(place.address)"
            }
            fail(
                "it accessed memory that is broken in the host's hardware (\(place ?? "its own")); a reset takes fresh"
                    + " memory")
        }
    }

    private func fail(_ reason: String) {
        tellingWhetherItRuns {
            virtualMachine?.pause()
            state = .guestFailed
            events(.guestFailed(reason))
        }
    }

    private func judge(_ stop: VCPUThread.Stop) {
        guard let verdict = verdict(on: stop) else { return }
        switch verdict {
        case .resolved: virtualMachine?.run()
        case .violation(let violation):
            virtualMachine?.pause()
            tellingWhetherItRuns { act(on: violation) }
        case .unavailable(let reason):
            tellingWhetherItRuns {
                virtualMachine?.pause()
                state = .memoryUnavailable
                events(.memoryUnavailable(reason))
            }
        case .failed(let reason): fail(reason)
        }
    }

    /// Looks at a vCPU that stopped at guest memory. One that stopped while the machine was about to pause stops there
    /// again when it goes on.
    private func verdict(on stop: VCPUThread.Stop) -> AccessProbe.Verdict? {
        guard state == .running, let virtualMachine, virtualMachine[vcpu: stop.vcpu].isStopped(at: stop) else {
            return nil
        }
        return AccessProbe(hardware: hardware, virtualMachine: virtualMachine, vcpu: stop.vcpu).judge(stop.exit)
    }

    private func act(on violation: MemoryViolation) {
        state = .violation
        try? memoryDevice(violation.device).noteViolation()
        events(.violation(violation))
        switch hardware.configuration.memoryDevices.first(where: { $0.id == violation.device })?.onViolation {
        case .reset: restart(byGuest: true)
        case .exit: finish(.violation(violation))
        case .stop, nil: break
        }
    }

    private func tellMemoryErrors() {
        while let error = memoryErrors.read() {
            let page = error.address & ~(hostPageSize - 1)
            guard let (region, address) = hardware.memory.location(ofHostAddress: page),
                brokenPages.insert(page).inserted
            else { continue }
            events(.hostMemoryError(region: region.name, address: address.rawValue))
        }
    }
}
