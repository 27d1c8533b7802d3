import Configuration
import GuestMemory
import Host
import Synchronization

/// A machine: a Linux guest whose memory can be resized while it runs.
///
/// ```swift
/// try Machine.installProcessHandlers()
/// let machine = try Machine(configuration, boot: boot)
/// try machine.resume()
/// try machine.setRequestedSize(1 << 30, of: "vm0")
/// machine.stop()
/// ```
///
/// The machine has threads of its own: one for each vCPU, and one that serves its devices and these calls. A call may
/// come from any other thread (so not from within `events`), and waits for its answer. Calls fail with
/// `MachineError.ended` when the machine has ended.
public final class Machine: Sendable {
    private let mailbox: Mailbox<MachineCore.Message>
    private let ending: Reply<MachineEnd>

    /// Installs what is process-wide: the handlers of SIGSEGV and SIGBUS that accesses to guest memory need, and that
    /// of SIGRTMIN, which takes vCPUs out of the guest. Each passes on to the handler that was there before what is
    /// not its own. To be called before the first machine is made; calling it again does nothing.
    public static func installProcessHandlers() throws(MachineError) {
        try MachineError.calling(MachineError.host) { () throws(SystemCallError) in
            try GuestMemory.installProcessHandlers()
            try Thread.installKickHandler()
        }
    }

    /// Builds a machine, paused. Its kernel is loaded when it is to run.
    ///
    /// - Parameters:
    ///   - serial: what the guest's serial port is connected to.
    ///   - console: where its virtio console leads, where the configuration has one.
    ///   - events: told what happens, on the machine's thread: it must not wait, nor call the machine.
    ///   - isCancelled: asked on the machine's thread while boot memory is populated, which takes its time: true makes
    ///     this fail with `MachineError.ended`.
    /// - Throws: `MachineError` for a configuration that can't be, or what the host refuses.
    public init(
        _ configuration: MachineConfiguration, boot: BootSource, serial: CharacterChannel = .null,
        console: ConsoleEnd = ConsoleEnd(.null), events: @escaping @Sendable (MachineEvent) -> Void = { _ in },
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws(MachineError) {
        let (mailbox, ending, built) = try MachineError.calling(MachineError.host) {
            () throws(SystemCallError) in
            (try Mailbox<MachineCore.Message>(), try Reply<MachineEnd>(), try Reply<MachineError?>())
        }
        self.mailbox = mailbox
        self.ending = ending
        // The thread keeps itself alive until the machine has ended; nobody joins it.
        _ = try MachineError.calling(MachineError.host) { () throws(SystemCallError) in
            try Thread(name: "machine") {
                do throws(MachineError) {
                    // Everything of the machine is released before anybody is told that it has ended.
                    ending.give(
                        try Self.serve(
                            configuration, boot: boot, serial: serial, console: console, mailbox: mailbox,
                            built: built, isCancelled: isCancelled, events: events))
                } catch {
                    built.give(error)
                }
            }
        }
        if let error = built.wait() {
            throw error
        }
    }

    deinit {
        mailbox.send(.perform { core in core.finish(.stopped) })
    }

    private static func serve(
        _ configuration: MachineConfiguration, boot: BootSource, serial: CharacterChannel,
        console: ConsoleEnd, mailbox: Mailbox<MachineCore.Message>, built: Reply<MachineError?>,
        isCancelled: () -> Bool, events: @escaping @Sendable (MachineEvent) -> Void
    ) throws(MachineError) -> MachineEnd {
        let core = try MachineCore(
            configuration, boot: boot, serial: serial, console: console, mailbox: mailbox, isCancelled: isCancelled,
            events: events)
        built.give(nil)
        return core.serve()
    }

    /// Waits until the machine has ended.
    public func waitUntilEnded() -> MachineEnd {
        ending.wait()
    }

    /// Ends the machine, if it has not ended yet, and waits for that. The guest is not asked: see
    /// `pressPowerButton()`.
    public func stop() {
        mailbox.send(.perform { core in core.finish(.stopped) })
        _ = ending.wait()
    }

    /// Lets the vCPUs run.
    ///
    /// - Throws: `MachineError.boot` where it is the first time, or the first after a reset, and the kernel can't be
    ///   loaded.
    public func resume() throws(MachineError) {
        try call { (core) throws(MachineError) in try core.resume() }
    }

    /// Takes the vCPUs out of the guest, until `resume()`.
    public func pause() throws(MachineError) {
        try call { core in core.pause() }
    }

    /// Restarts the guest from its kernel's entry, with no memory plugged; requested sizes stay. A paused machine
    /// stays paused.
    ///
    /// - Throws: `MachineError.ended` also where the host could not build the machine again, which ends it.
    public func reset() throws(MachineError) {
        try call { (core) throws(MachineError) in
            core.reset(byGuest: false)
            guard core.end == nil else { throw .ended }
        }
    }

    /// Presses the power button: a guest that listens to it shuts down.
    public func pressPowerButton() throws(MachineError) {
        try call { core in core.pressPowerButton() }
    }

    /// Asks the guest to have that many bytes of a memory device plugged. It takes its time: see `memoryDevices()`.
    ///
    /// - Throws: `MachineError.noSuchDevice`, `MachineError.requestedSize` for a size that the device can't have.
    public func setRequestedSize(_ size: UInt64, of id: String) throws(MachineError) {
        try call { (core) throws(MachineError) in
            try core.memoryDevice(id).setRequestedSize(size)
        }
    }

    /// Tells the guest how large the terminal at its virtio console is now. Nothing happens where there is none, or it
    /// had no size from the start.
    public func setConsoleSize(_ size: ConsoleEnd.TerminalSize) throws(MachineError) {
        try call { core in core.hardware.console?.setSize(size) }
    }

    /// Asks the guest to put as much of its memory into the balloon as leaves so many bytes of boot memory and plugged
    /// memory to it; nothing where it has not got more. The balloon stays as large as that when memory is plugged or
    /// unplugged later.
    ///
    /// - Throws: `MachineError.noBalloon`.
    public func setBalloon(remaining size: UInt64) throws(MachineError) {
        try call { (core) throws(MachineError) in
            guard let balloon = core.hardware.balloon else { throw .noBalloon }
            balloon.setRemaining(size)
        }
    }

    /// The balloon as it is now; nil for a machine without one.
    public func balloon() throws(MachineError) -> BalloonStatus? {
        try call { core in core.hardware.balloon?.status }
    }

    /// The memory devices as they are now, in the order of the configuration.
    public func memoryDevices() throws(MachineError) -> [MemoryDeviceStatus] {
        try call { core in core.hardware.memoryDevices.map(\.status) }
    }

    /// The memory devices in the order of the configuration, with what their drivers do, and why a resize does not get
    /// on.
    public func memoryDeviceDetails() throws(MachineError) -> [MemoryDeviceDetails] {
        try call { core in core.hardware.memoryDevices.map(\.details) }
    }

    /// The live memory slots, by address.
    public func memorySlots() throws(MachineError) -> [MemorySlotStatus] {
        try call { core in core.memorySlots }
    }

    /// The numbers of the threads that run the vCPUs, in their order: for whoever pins them to processors. A reset
    /// makes new ones.
    public func processorThreads() throws(MachineError) -> [Int32] {
        try call { core in core.processorThreads }
    }

    /// What the machine has counted so far.
    public func metrics() throws(MachineError) -> MachineMetrics {
        try call { core in core.metrics }
    }

    /// Whether the vCPUs run.
    public func state() throws(MachineError) -> MachineState {
        try call { core in core.state }
    }

    /// Has the machine's thread do something, and waits for its answer.
    func call<Value: Sendable>(
        _ request: @escaping @Sendable (MachineCore) throws(MachineError) -> Value
    ) throws(MachineError) -> Value {
        let reply = try MachineError.calling(MachineError.host) { () throws(SystemCallError) in
            try Reply<Result<Value, MachineError>>()
        }
        let isSent = mailbox.send(
            .perform { core in
                guard core.end == nil else { return reply.give(.failure(.ended)) }
                do throws(MachineError) {
                    reply.give(.success(try request(core)))
                } catch {
                    reply.give(.failure(error))
                }
            })
        guard isSent else { throw .ended }
        return try reply.wait().get()
    }
}
