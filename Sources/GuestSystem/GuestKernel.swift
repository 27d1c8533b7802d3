import CGuest
import Host
import SystemPackage

/// What only the one in charge of a guest asks its kernel for.
public enum GuestKernel {
    public enum Ending: Sendable {
        case powerOff, reboot, halt
    }

    /// The kernel's release, as `uname -r` says it.
    public static var release: String { unsafe String(cString: cg_kernel_release()) }

    /// Mounts a file system (`mount(2)`).
    public static func mount(
        source: String, target: String, type: String, flags: UInt, options: String
    ) throws(SystemCallError) {
        let result = unsafe cg_mount(source, target, type, flags, options.isEmpty ? nil : options)
        guard result == 0 else { throw SystemCallError("mount", Errno(rawValue: -result), subject: target) }
    }

    public static func unmount(_ target: String) throws(SystemCallError) {
        let result = unsafe cg_unmount(target)
        guard result == 0 else { throw SystemCallError("umount", Errno(rawValue: -result), subject: target) }
    }

    /// Loads a module from a file, unless the kernel has it (`finit_module(2)`).
    public static func loadModule(_ path: String) throws(SystemCallError) {
        let result = unsafe cg_load_module(path)
        guard result == 0 else { throw SystemCallError("finit_module", Errno(rawValue: -result), subject: path) }
    }

    /// Writes what is not on the disks yet, and ends the machine. Returns only where that fails, or it is halted.
    public static func end(_ ending: Ending) {
        let how =
            switch ending {
            case .powerOff: CG_POWER_OFF
            case .reboot: CG_REBOOT
            case .halt: CG_HALT
            }
        _ = cg_end_machine(CInt(how.rawValue))
    }

    /// Has Ctrl-Alt-Delete send SIGINT to the first process, instead of a reset at once.
    public static func disableAbruptReset() { cg_disable_abrupt_reset() }
}
