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
    }

    private enum Command: Sendable {
        case pause
        case run
        case end
    }

    private struct State {
        var command = Command.pause
        /// Whether the thread has seen the command to pause, and is out of the guest until there is another one.
        var isParked = false
    }

    let index: Int
    let vcpu: KVMVCPU
    private let bus: PlatformBus
    private let report: @Sendable (Report) -> Void
    private let state = Mutex(State())
    private let parked: EventDescriptor
    private let wake: EventDescriptor

    init(
        index: Int, vcpu: KVMVCPU, bus: PlatformBus, report: @escaping @Sendable (Report) -> Void
    ) throws(SystemCallError) {
        self.index = index
        self.vcpu = vcpu
        self.bus = bus
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
            state.command = command
            state.isParked = false
        }
        wake.signal()
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
            }
        }
    }

    private func enterGuest() {
        let outcome: Report
        do throws(SystemCallError) {
            guard let event = try handle(vcpu.run()) else { return }
            outcome = event
        } catch {
            outcome = .failed(error.description)
        }
        // Before the report: the answer to it may be the command to run again.
        state.withLock { state in
            if state.command == .run {
                state.command = .pause
            }
        }
        report(outcome)
    }

    private func handle(_ exit: KVMExit) -> Report? {
        switch exit {
        case .port(let port, let size, let count, let isWrite):
            return handlePort(port, size: size, count: count, isWrite: isWrite)
        case .mmio(let address, let size, isWrite: true):
            bus.write(address, size: size, value: vcpu.mmioData)
            return nil
        case .mmio(let address, let size, isWrite: false):
            vcpu.mmioData = bus.read(address, size: size)
            return nil
        case .interrupted: return nil
        case .shutdown: return .reset
        case .systemEvent, .halt, .memoryFault, .internalError, .entryFailed, .other:
            return .failed(describe(exit))
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

    private func describe(_ exit: KVMExit) -> String {
        var text = "vCPU \(index): \(exit)"
        if let registers = try? vcpu.registers() {
            text += "\n\(registers)"
        }
        return text
    }
}
