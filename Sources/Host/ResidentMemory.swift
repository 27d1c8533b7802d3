import SystemPackage

/// The host's memory that a process has, shared pages included (`/proc/PID/status`, VmRSS).
public enum ResidentMemory {
    /// In bytes; 0 for a process that is gone.
    public static func size(of process: Int32) -> UInt64 { value("VmRSS:", FilePath("/proc/\(process)/status")) }

    /// The most that it has had so far, in bytes; 0 for a process that is gone.
    public static func peak(of process: Int32) -> UInt64 { value("VmHWM:", FilePath("/proc/\(process)/status")) }

    /// This process's own, in bytes.
    public static func ownSize() -> UInt64 { value("VmRSS:", "/proc/self/status") }

    private static func value(_ name: String, _ status: FilePath) -> UInt64 {
        KernelText.read(status).flatMap { KernelText.value(of: name, in: $0) } ?? 0
    }
}
