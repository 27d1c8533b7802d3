import Foundation
import Testing

/// Unmodified Debian kernels boot, with each number of vCPUs, in both forms.
@Suite(.serialized, .needsKVMHost) struct BootTests {
    /// Each kernel with each number of vCPUs and each form; `FullBootTests` has the other half of all combinations.
    @Test(arguments: [
        (GuestKernel.debian12(.bzImage), 1), (.debian12(.elf), 2), (.debian12(.bzImage), 4),
        (.debian13(.elf), 1), (.debian13(.bzImage), 2), (.debian13(.elf), 4),
    ])
    func bootsAndPowersOff(kernel: GuestKernel, cpus: Int) throws {
        try bootAndPowerOff(kernel: kernel, cpus: cpus)
    }
}

/// Boots a guest with the smallest boot memory, looks at what it finds, and shuts it down.
func bootAndPowerOff(kernel: GuestKernel, cpus: Int) throws {
    let arguments = ["--cpus", "\(cpus)", "--memory", "128M", "--cmdline", "test.word='two words'"]
    try withGuest(kernel, arguments, waits: false) { guest in
        let ready = try guest.waitUntilReady()
        try #require(try ready == "Linux \(kernel.release()), \(cpus) CPUs")
        try guest.waitForShell()
        // The console takes what is typed, and shows what programs write.
        try #require(try guest.run("echo $((6 * 7))") == "42\n")
        try #require(try guest.run("uname -r") == kernel.release() + "\n")
        try #require(try guest.run("grep -c ^processor /proc/cpuinfo") == "\(cpus)\n")
        try #require(try guest.run("cat /proc/cmdline").hasSuffix("online_movable test.word='two words'\n"))
        let memory = try guest.memory()
        // The kernel keeps some for itself.
        try #require((64 << 20..<128 << 20).contains(memory.total), "\(memory)")
        try guest.requireHealthyKernel()
        try guest.powerOff()
    }
}
