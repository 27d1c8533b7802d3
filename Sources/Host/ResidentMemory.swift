import SystemPackage

/// The host's memory that a process has, shared pages included (`/proc/PID/status`, VmRSS).
public enum ResidentMemory {
    /// In bytes; 0 for a process that is gone.
    public static func size(of process: Int32) -> UInt64 { size(FilePath("/proc/\(process)/status")) }

    /// This process's own, in bytes.
    public static func ownSize() -> UInt64 { size("/proc/self/status") }

    private static func size(_ status: FilePath) -> UInt64 {
        KernelText.read(status).flatMap { KernelText.value(of: "VmRSS:", in: $0) } ?? 0
    }
}
