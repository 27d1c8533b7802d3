import Testing

/// A kernel that another one started in its place, and a kernel that looks at what is left of another.
@Suite(.serialized, .needsKVMHost) struct KexecTests {
    @Test func nextKernelStartsCleanly() throws {
        try startNextKernel(.debian12())
    }
}

@Suite(.serialized, .needsKVMHost) struct KdumpTests {
    @Test func crashKernelReadsAllMemory() throws {
        try dumpCrashedKernel(.debian12())
    }
}

/// Starts the same kernel again from inside, with memory plugged.
func startNextKernel(_ kernel: GuestKernel) throws {
    let size: UInt64 = .gibibytes(2)
    let arguments = ["--memory", "256M", "--virtio-mem", "id=vm0,size=\(size)", "--cmdline", "init_on_alloc=0"]
    try withGuest(kernel.withKernelInside, arguments) { guest in
        let view = try DeviceView("vm0", ofSize: size, in: guest)
        try view.resize(to: .mebibytes(384))
        try guest.run("memory-touch any 384M")
        try #require(try HostMemory(pid: guest.pid).resident(in: view.region) > .mebibytes(128))
        try guest.run("kexec-load /boot/vmlinuz /boot/initrd \"$(cat /proc/cmdline) nokaslr test.next=1\"")
        try guest.begin("kexec-load -e")
        try guest.waitUntilReady()
        try guest.waitForShell()
        try #require(try guest.run("cat /proc/cmdline").contains("test.next=1"))
        // The device has not been told that there is another driver, which therefore unplugs what it finds.
        let log = try guest.run("dmesg | grep virtio_mem")
        try #require(log.contains("unplugging all memory is required"), "\(log)")
        try guest.waitForSize(.mebibytes(384), of: "vm0")
        try view.waitForOnline(.mebibytes(384))
        try view.requireAgreement(on: .mebibytes(384))
        // Nothing of what was written before is left.
        let resident = try HostMemory(pid: guest.pid).resident(in: view.region)
        try #require(resident < .mebibytes(64), "\(resident) bytes are resident")
        try view.resize(to: 0)
        try guest.requireHealthyKernel()
        try guest.requireSilence()
        try guest.powerOff()
    }
}

/// Crashes a guest whose memory device is plugged with holes, and reads its memory whole in the crash kernel.
func dumpCrashedKernel(_ kernel: GuestKernel) throws {
    let size: UInt64 = .gibibytes(2)
    let arguments = [
        "--memory", "448M", "--virtio-mem", "id=vm0,size=\(size)", "--cmdline", "init_on_alloc=0 crashkernel=160M",
    ]
    try withGuest(kernel.withKernelInside, arguments) { guest in
        let view = try DeviceView("vm0", ofSize: size, in: guest)
        let (_, plugged) = try view.plugWithHoles(.mebibytes(256), pinned: .mebibytes(400), step: .mebibytes(4))
        let workload = try PatternWorkload(holding: .mebibytes(192), seed: 5, in: guest)
        try workload.requireIntact()
        let added = try view.guest.linuxMemoryBlocks(in: view.addresses).map {
            $0.address..<$0.address + LinuxMemoryBlock.size
        }
        // The kernel writes down what there is to dump at this time, so it must be after the plug.
        try guest.run(
            "kexec-load -p /boot/vmlinuz /boot/initrd 'console=ttyS0 panic=-1 quiet loglevel=1 pci=off"
                + " 8250.nr_uarts=1 nokaslr maxcpus=1 reset_devices init_on_alloc=0'")
        try guest.begin("echo c > /proc/sysrq-trigger")
        try guest.waitUntilReady()
        try guest.waitForShell()
        let log = try guest.run("dmesg | grep virtio_mem")
        try #require(log.contains("memory hot(un)plug disabled in kdump kernel"), "\(log)")
        // The crash kernel leaves the device as it is.
        try #require(try view.plugged == plugged)
        try view.requireHostAgreement(on: plugged)
        let resident = try HostMemory(pid: guest.pid).resident(in: view.region)

        let dump = try CoreReport(guest.run("core-read /proc/vmcore 5", within: .seconds(240)))
        try dump.requireMemory(in: added, boot: .mebibytes(448))
        try #require(dump.patternPages == workload.size / 4096, "\(dump)")
        try guest.run("dd if=/proc/vmcore of=/dev/null bs=1M", within: .seconds(240))
        // Not a page was populated by looking at it.
        try #require(try HostMemory(pid: guest.pid).resident(in: view.region) <= resident)

        try guest.run("makedumpfile -d 31 -c /proc/vmcore /tmp/dump >/tmp/said 2>&1", within: .seconds(240))
        try #require(try guest.run("tail -n 1 /tmp/said").hasPrefix("makedumpfile Completed"))
        try guest.run("makedumpfile --dump-dmesg /tmp/dump /tmp/dmesg >/dev/null 2>&1")
        try #require(try guest.run("grep -c 'sysrq: Trigger a crash' /tmp/dmesg") == "1\n")
        try guest.requireSilence()

        try guest.begin("reboot")
        try guest.waitUntilReady()
        try guest.waitForShell()
        try view.requireAgreement(on: 0)
        try view.resize(to: .mebibytes(128))
        try guest.requireSilence()
        try guest.quit()
    }
}

/// What core-read says of a core file.
private struct CoreReport {
    /// Guest-physical addresses of each piece.
    let pieces: [Range<UInt64>]
    let bytes: UInt64
    let patternPages: UInt64

    init(_ text: String) throws {
        var (pieces, bytes, patternPages): ([Range<UInt64>], UInt64?, UInt64?) = ([], nil, nil)
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words[0] == "load", let start = UInt64(words[1].dropFirst(2), radix: 16),
                let size = UInt64(words[2].dropFirst(2), radix: 16)
            {
                pieces.append(start..<start + size)
            } else if words[0] == "read" {
                bytes = UInt64(words[1])
            } else if words[0] == "pattern" {
                patternPages = UInt64(words[2])
            }
        }
        guard let bytes, let patternPages else { throw TestFailure("core-read says '\(text)'") }
        (self.pieces, self.bytes, self.patternPages) = (pieces, bytes, patternPages)
    }

    /// Checks that the pieces are all in boot memory or in Linux memory blocks that the device's driver has added, and that
    /// those are complete.
    func requireMemory(in blocks: [Range<UInt64>], boot: UInt64) throws {
        try #require(bytes == pieces.reduce(0) { $0 + UInt64($1.count) })
        for piece in pieces where piece.upperBound > boot {
            var rest = piece
            // A piece may span several blocks that follow each other.
            while let block = blocks.first(where: { $0.contains(rest.lowerBound) }), !rest.isEmpty {
                rest = min(block.upperBound, rest.upperBound)..<rest.upperBound
            }
            try #require(rest.isEmpty, "\(piece) is not within \(blocks)")
        }
        let covered = pieces.filter { $0.upperBound > boot }.reduce(0) { $0 + UInt64($1.count) }
        try #require(covered == UInt64(blocks.count) * LinuxMemoryBlock.size, "\(self), added \(blocks)")
    }
}
