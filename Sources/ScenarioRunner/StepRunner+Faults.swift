import Glibc
import Host
import Scenario
import SystemPackage
import TestReport

/// Steps by which the host fails.
extension StepRunner {
    func inject(_ fault: Fault) throws {
        switch fault {
        case .kill: machine.send(signal: SIGKILL)
        case .freeze(let milliseconds):
            state.beginFreeze()
            machine.send(signal: SIGSTOP)
            defer {
                machine.send(signal: SIGCONT)
                // Whoever asked meanwhile has his answer, before silence counts again.
                _ = try? machine.execute("query-status")
                state.endFreeze()
                // While it was frozen the guest could not follow.
                state.noteResize()
            }
            try state.pause(milliseconds)
        case .memoryLimit(let limit): try MemoryLimit(of: machine.number).set(limit)
        }
    }
}
