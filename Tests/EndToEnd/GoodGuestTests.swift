import Testing

/// A guest that behaves never touches what is unplugged, whatever it looks at.
@Suite(.serialized, .needsKVMHost) struct GoodGuestTests {
    @Test func looksAtAllMemoryBesideHoles() throws {
        try lookAtAllMemory(.debian13())
    }
}

/// Has the guest's kernel walk over all memory that it knows, while every second block of a device is unplugged.
func lookAtAllMemory(_ kernel: GuestKernel) throws {
    let size: UInt64 = .gibibytes(2)
    let arguments = ["--memory", "256M", "--virtio-mem", "id=vm0,size=\(size)", "--cmdline", "init_on_alloc=0"]
    try withGuest(kernel, arguments) { guest in
        let view = try DeviceView("vm0", ofSize: size, in: guest)
        let (pinned, left) = try view.plugWithHoles(.mebibytes(384), pinned: .mebibytes(480), step: .mebibytes(4))
        let resident = try HostMemory(pid: guest.pid).resident(in: view.region)
        let core = try guest.run("core-read /proc/kcore", within: .seconds(240))
        // Over the direct map, with the device's blocks.
        try #require(core.contains("load 0x\(String(view.addresses.lowerBound, radix: 16)) "), "\(core)")
        for file in ["kpagecount", "kpageflags"] {
            try guest.run("dd if=/proc/\(file) of=/dev/null bs=1M", within: .seconds(240))
        }
        try guest.requireSilence()
        // Looking populates at most what is plugged.
        try #require(try HostMemory(pid: guest.pid).resident(in: view.region) <= max(resident, left))

        try guest.run("echo 1 > /proc/sys/vm/compact_memory; echo 3 > /proc/sys/vm/drop_caches")
        // Everything that there is, up to where the kernel would kill for memory.
        let free = try guest.memory().free - .mebibytes(24)
        try guest.run("memory-touch any \(free >> 20)M", within: .seconds(120))
        try guest.run("echo 1 > /proc/sys/vm/compact_memory")
        try view.requireHostAgreement(on: view.plugged)
        try guest.requireHealthyKernel()
        try guest.requireSilence()

        try pinned.letGo()
        try guest.waitForSize(0, of: "vm0")
        try view.requireAgreement(on: 0)
        try guest.requireHealthyKernel()
        try guest.requireSilence()
        try guest.powerOff()
    }
}
