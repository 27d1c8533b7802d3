import Glibc
import Host
import SystemPackage

/// The host's pages of 2 MiB, which tests may use up.
enum HugePagePool {
    /// Nil where the kernel knows none.
    static var free: UInt64? { KernelText.number("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") }

    /// Whether there are some to be had. An emulated host is the test's alone, and gets some.
    static let isThere: Bool = {
        if environmentVariable("KVM_HOST") == "emulated", let file = fopen("/proc/sys/vm/nr_hugepages", "w") {
            fputs("80\n", file)
            fclose(file)
        }
        return (free ?? 0) >= 8
    }()
}
