import Host
import KVM
import Synchronization

/// A vCPU and the thread that runs it. The event loop's thread tells it to run, to pause and to end; what the guest
/// does that concerns the whole machine is reported, and the vCPU then waits to be told.
final class VCPUThread: Sendable {
    /// What a vCPU reports to the machine.
    enum Report: Sendable {
        case powerOff
        case reset
        /// The vCPU can't go on: why, with its registers.
        case failed(String)
        /// The vCPU can't go on before somebody has looked at what it left the guest for.
        case stuck(Stop)
        /// The guest accessed memory of the host that is broken, at this address of the process.
        case brokenMemory(hostAddress: UInt64)
    }

    /// A stop at guest memory, or at an instruction that can't be executed.
    struct Stop: Sendable {
        let vcpu: Int
        let exit: KVMExit
        /// Tells it from the vCPU's other stops.
        let number: UInt64
    }

    private enum Command: Sendable {
        case pause
        case run
        /// To report the stop again that has not been answered.
        case reportAgain
        case perform
        case end
    }

    private struct State {
        var command = Command.pause
        /// Whether the thread has seen the command to pause, and is out of the guest until there is another one.
        var isParked = false
        /// An access that KVM wants to be completed, which nobody has done yet.
        var unanswered: KVMExit?
        /// How often the vCPU was told something.
        var orders: UInt64 = 0
        var task: (@Sendable (KVMVCPU) -> Void)?
    }

    let index: Int
    let vcpu: KVMVCPU
    /// Milliseconds that a task may take in the guest: an instruction takes microseconds.
    private static let patience: Int32 = 200
    private let bus: PlatformBus
    private let exits: ExitCounters
    private let report: @Sendable (Report) -> Void
    private let state = Mutex(State())
    private let parked: EventDescriptor
    private let wake: EventDescriptor

    init(
        index: Int, vcpu: KVMVCPU, bus: PlatformBus, exits: ExitCounters, report: @escaping @Sendable (Report) -> Void
    ) throws(SystemCallError) {
        self.index = index
        self.vcpu = vcpu
        self.bus = bus
        self.exits = exits
        self.report = report
        parked = try EventDescriptor()
        wake = try EventDescriptor()
    }

    /// Starts the thread; it waits to be told to run.
    func start() throws(SystemCallError) -> Thread {
        try Thread(name: "vcpu\(index)", kickable: true) { [self] in main() }
    }

    /// Asks the vCPU to leave the guest, and not to enter it again before `run()`.
    func requestPause(of thread: Thread) {
        state.withLock { $0.command = .pause }
        vcpu.requestExit()
        thread.kick()
    }

    /// Waits until the vCPU is outside of the guest.
    func waitUntilParked() {
        while !state.withLock({ $0.isParked }) {
            parked.wait()
        }
    }

    /// Lets a parked vCPU, or a new one, enter the guest.
    func run() {
        tell(.run)
    }

    /// Makes a parked vCPU's thread end.
    func end() {
        tell(.end)
    }

    private func tell(_ command: Command) {
        vcpu.clearExitRequest()
        state.withLock { state in
            state.command = command == .run && state.unanswered != nil ? .reportAgain : command
            state.isParked = false
            state.orders += 1
        }
        wake.signal()
    }

    /// Whether the vCPU still stands where it stopped: nobody has told it anything since.
    func isStopped(at stop: Stop) -> Bool {
        state.withLock { $0.orders == stop.number }
    }

    /// Takes note that the access of the vCPU's stop is completed, or has become void. To be called while it is parked.
    func answered() {
        state.withLock { $0.unanswered = nil }
    }

    /// Has the thread of a parked vCPU do something with it, and waits for that. A vCPU that stays in the guest for
    /// long is taken out, time and again.
    func perform(on thread: Thread, _ task: @escaping @Sendable (KVMVCPU) -> Void) {
        state.withLock { $0.task = task }
        tell(.perform)
        while !state.withLock({ $0.isParked }) {
            if !parked.wait(milliseconds: Self.patience) {
                vcpu.requestExit()
                thread.kick()
            }
        }
    }

    private func main() {
        while true {
            let command = state.withLock { state in
                state.isParked = state.command == .pause
                return state.command
            }
            switch command {
            case .end: return
            case .pause:
                parked.signal()
                wake.wait()
            case .run: enterGuest()
            case .reportAgain: reportAgain()
            case .perform: performTask()
            }
        }
    }

    private func performTask() {
        let task = state.withLock { state in
            defer { state.task = nil }
            return state.task
        }
        task?(vcpu)
        park(from: .perform)
    }

    /// Waits for the next command, unless there is one already.
    private func park(from command: Command) {
        state.withLock { state in
            if state.command == command {
                state.command = .pause
            }
        }
    }

    private func reportAgain() {
        park(from: .reportAgain)
        if let exit = state.withLock({ $0.unanswered }) {
            report(.stuck(stop(exit)))
        }
    }

    private func stop(_ exit: KVMExit) -> Stop {
        Stop(vcpu: index, exit: exit, number: state.withLock { $0.orders })
    }

    private func enterGuest() {
        let outcome: Report
        do throws(SystemCallError) {
            guard let event = try handle(vcpu.run()) else { return }
            outcome = event
        } catch {
            outcome = .failed(error.description)
        }
        if case .stuck(let stop) = outcome, case .mmio = stop.exit {
            state.withLock { $0.unanswered = stop.exit }
        }
        // Before the report: the answer to it may be the command to run again.
        park(from: .run)
        report(outcome)
    }

    private func handle(_ exit: KVMExit) -> Report? {
        exits.note(exit)
        switch exit {
        case .port(let port, let size, let count, let isWrite):
            return handlePort(port, size: size, count: count, isWrite: isWrite)
        case .mmio(let address, let size, isWrite: true):
            return bus.write(address, size: size, value: vcpu.mmioData) ? nil : .stuck(stop(exit))
        case .mmio(let address, let size, isWrite: false):
            guard let value = bus.read(address, size: size) else { return .stuck(stop(exit)) }
            vcpu.mmioData = value
            return nil
        case .interrupted: return HostMemoryError.takeOwnAddress().map { .brokenMemory(hostAddress: $0) }
        case .shutdown: return .reset
        case .memoryFault, .internalError: return .stuck(stop(exit))
        case .systemEvent, .halt, .entryFailed, .stepped, .other: return .failed(describe(exit))
        }
    }

    private func handlePort(_ port: UInt16, size: Int, count: Int, isWrite: Bool) -> Report? {
        for element in 0..<count {
            if !isWrite {
                vcpu[portData: element] = bus.readPort(port, size: size)
            } else {
                switch bus.writePort(port, size: size, value: vcpu[portData: element]) {
                case .powerOff: return .powerOff
                case .reset: return .reset
                case nil: break
                }
            }
        }
        return nil
    }

    /// What the vCPU left the guest for, with its registers, in words. To be called while it is outside of the guest.
    func describe(_ exit: KVMExit) -> String {
        var text = "vCPU \(index): \(exit)"
        if let registers = try? vcpu.registers() {
            text += "\n\(registers)"
        }
        return text
    }
}
