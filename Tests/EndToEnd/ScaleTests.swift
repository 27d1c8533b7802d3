import Foundation
import Testing

/// Regions that are far larger than the host's memory.
@Suite(.serialized, .needsKVMHost, .needsPhysicalAddressBits(42)) struct ScaleTests {
    @Test(arguments: [GuestKernel.debian12(), .debian13()])
    func oneTebibyteCostsNoMoreThanOneGibibyte(kernel: GuestKernel) throws {
        let small = try useRegion(of: .gibibytes(1), kernel: kernel)
        let large = try useRegion(of: .gibibytes(1024), kernel: kernel)
        #expect(large.memory < small.memory + .mebibytes(4), "bytes beside guest memory: \(large), \(small)")
        // What a user would notice; the emulated host is slow, and busy.
        #expect(large.start < small.start * 2 + .seconds(2), "\(large), \(small)")
        #expect(large.query < small.query * 2 + .milliseconds(50), "\(large), \(small)")
        #expect(large.reset < small.reset * 2 + .seconds(2), "\(large), \(small)")
    }
}

private struct Cost {
    /// Bytes beside the guest's memory.
    var memory: UInt64 = 0
    /// From the start of the process until the guest's init runs.
    var start: Duration = .zero
    /// Of one `info memory-devices`.
    var query: Duration = .zero
    /// From `system_reset` until the guest's init runs.
    var reset: Duration = .zero
}

/// Uses a device of some size, and measures.
private func useRegion(of size: UInt64, kernel: GuestKernel) throws -> Cost {
    let arguments = ["--memory", "256M", "--virtio-mem", "id=vm0,size=\(size)", "--cmdline", "init_on_alloc=0"]
    var cost = Cost()
    let begin = ContinuousClock.now
    try withGuest(kernel, arguments, waits: false) { guest in
        try guest.waitUntilReady()
        cost.start = .now - begin
        try guest.waitForShell()
        let view = try DeviceView("vm0", ofSize: size, in: guest)
        cost.memory = try HostMemory(pid: guest.pid).proportionalBesideGuest
        try view.resize(to: .mebibytes(128))
        cost.query =
            try ContinuousClock().measure {
                for _ in 1...100 { try guest.monitor("info memory-devices") }
            } / 100
        cost.reset = try ContinuousClock().measure {
            try guest.monitor("system_reset")
            try guest.waitUntilReady()
        }
        try guest.waitForShell()
        try guest.waitForSize(.mebibytes(128), of: "vm0")
        try view.requireAgreement(on: .mebibytes(128))
        try view.resize(to: 0)
        try guest.requireHealthyKernel()
        try guest.requireSilence()
        try guest.quit()
    }
    return cost
}

extension Trait where Self == ConditionTrait {
    /// Skips where the processor can't address as much memory.
    fileprivate static func needsPhysicalAddressBits(_ bits: Int) -> Self {
        .enabled("needs \(bits) physical address bits: Tools/kvm-host --phys-bits") {
            let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
            let line = text.split(separator: "\n").first { $0.hasPrefix("address sizes") }
            let found = line?.split(separator: " ").compactMap { Int($0) }.first ?? 0
            return found >= bits
        }
    }
}
