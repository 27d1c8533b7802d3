import AgentProtocol
import Glibc
import SystemPackage

/// Shutting down where another program is the first process.
enum ServiceShutdown {
    /// Asks the first process, by the signals that it takes: systemd's, or those of busybox's init.
    static func request(_ action: ShutdownAction) {
        let isSystemd = (try? Stat(FilePath("/run/systemd/system"))) != nil
        // SIGRTMIN of the C library, which keeps two signals for itself.
        let realTime: Int32 = 34
        let signal =
            switch action {
            case .halt: isSystemd ? realTime + 3 : SIGUSR1
            case .powerOff: isSystemd ? realTime + 4 : SIGUSR2
            case .reboot: isSystemd ? realTime + 5 : SIGTERM
            }
        if kill(1, signal) != 0 {
            tell("the first process can't be asked to shut down: \(Errno(rawValue: errno))")
        }
    }
}
