import AgentProtocol
import Glibc
import GuestSystem
import Host
import SystemPackage

/// What falls to the first process of a guest: the agent of an initramfs that has no other init.
final class FirstProcess {
    private let loop: EventLoop
    private var buttons: [FileDescriptor] = []

    /// Milliseconds that processes get between SIGTERM and SIGKILL.
    private static let gracePeriod: UInt32 = 500

    /// Listens to power buttons.
    init(loop: EventLoop) {
        self.loop = loop
        for name in (try? FilePath("/dev/input").directoryEntries()) ?? [] where name.hasPrefix("event") {
            guard let button = PowerButton(at: FilePath("/dev/input").appending(name))?.release() else { continue }
            buttons.append(button)
            _ = try? loop.add(button, .readable) { [unowned self] _ in
                if PowerButton.isPressed(button) { end(.powerOff) }
            }
        }
    }

    /// Mounts what programs expect, and loads the modules that the image has.
    static func prepareSystem() {
        GuestKernel.disableAbruptReset()
        mount("proc", "/proc", "proc")
        mount("sysfs", "/sys", "sysfs")
        mount("devtmpfs", "/dev", "devtmpfs")
        mount("devpts", "/dev/pts", "devpts", options: "gid=5,mode=620,ptmxmode=666")
        for place in ["/dev/shm", "/run", "/tmp"] {
            mount("tmpfs", place, "tmpfs")
        }
        takeConsole()
        for path in (KernelText.read("/lib/modules/order") ?? "").split(separator: "\n") {
            do throws(SystemCallError) {
                try GuestKernel.loadModule(String(path))
            } catch {
                tell("\(error)")
            }
        }
    }

    /// The kernel gives the first process no streams where `/dev` is mounted later.
    private static func takeConsole() {
        let flags: FileDescriptor.OpenOptions = .init(rawValue: O_NOCTTY)
        for number: CInt in 0...2 where fcntl(number, F_GETFD) < 0 {
            // The lowest free number is this one.
            _ = try? FileDescriptor.open(FilePath("/dev/console"), .readWrite, options: flags)
        }
        ProcessImage.reserveStandardDescriptors()
    }

    private static func mount(_ source: String, _ target: String, _ type: String, options: String = "") {
        try? FilePath(target).createDirectories(
            permissions: [.ownerReadWriteExecute, .groupReadExecute, .otherReadExecute])
        do throws(SystemCallError) {
            try GuestKernel.mount(source: source, target: target, type: type, flags: 0, options: options)
        } catch {
            // The kernel has mounted some already. A system that lacks one is still worth having.
            if error.errno != .resourceBusy { tell("\(error)") }
        }
    }

    /// Does what busybox's poweroff, reboot and halt ask the first process for.
    func obey(signal: Int32) {
        switch signal {
        case SIGUSR2: end(.powerOff)
        case SIGTERM, SIGINT: end(.reboot)
        case SIGUSR1: end(.halt)
        default: break
        }
    }

    /// Ends all processes, then the machine.
    func end(_ action: ShutdownAction) {
        kill(-1, SIGTERM)
        for _ in 0..<Self.gracePeriod / 10 {
            while ChildProcesses.reap() != nil {}
            // Nobody is left to be asked.
            if kill(-1, 0) != 0 { break }
            usleep(10_000)
        }
        kill(-1, SIGKILL)
        switch action {
        case .powerOff: GuestKernel.end(.powerOff)
        case .reboot: GuestKernel.end(.reboot)
        case .halt: GuestKernel.end(.halt)
        }
        // Only a machine that is halted, or can't be ended, gets here.
        Self.reapForEver()
    }

    /// What is left to do for a first process that can do nothing else.
    static func reapForEver() -> Never {
        while true {
            while ChildProcesses.reap() != nil {}
            sleep(1)
        }
    }
}
