import Glibc
import Host
import TestReport

extension TestHost {
    /// This machine.
    static var current: TestHost {
        let release =
            KernelText.read("/proc/sys/kernel/osrelease").map { String($0.prefix { $0 != "\n" }) } ?? "unknown"
        let processor =
            KernelText.read("/proc/cpuinfo")?.split(separator: "\n").first { $0.hasPrefix("model name") }
            .flatMap { $0.split(separator: ":").last.map(String.init) } ?? "unknown"
        return TestHost(
            isEmulated: environmentVariable("KVM_HOST") == "emulated", kernel: release,
            processor: String(processor.drop { $0 == " " }))
    }
}
