import Testing

/// Memory that programs in the guest hold can't be unplugged; it can once they let go.
@Suite(.serialized, .needsKVMHost) struct BusyMemoryTests {
    @Test(arguments: [GuestKernel.debian12(), .debian13()])
    func restFollowsWhenTheWorkloadLetsGo(kernel: GuestKernel) throws {
        try unplugBesideWorkload(kernel)
    }
}

/// Wants all memory of a device back while one program holds memory that can move, and another some that can't.
///
/// What can't be moved is what makes this certain: where all memory could move and boot memory had no room for it, the
/// guest's kernel would be out of memory for everything else, and kill.
func unplugBesideWorkload(_ kernel: GuestKernel) throws {
    let size: UInt64 = .gibibytes(2)
    let arguments = ["--memory", "512M", "--virtio-mem", "id=vm0,size=\(size)", "--cmdline", "init_on_alloc=0"]
    try withGuest(kernel, arguments) { guest in
        let view = try DeviceView("vm0", ofSize: size, in: guest)
        try view.resize(to: .gibibytes(1))
        // The device's memory is what Linux gives to programs first.
        let workload = try PatternWorkload(holding: .mebibytes(200), seed: 7, in: guest)
        try #require(try HostMemory(pid: guest.pid).resident(in: view.region) >= .mebibytes(200))
        let (pinned, _) = try view.plugWithHoles(.gibibytes(1), pinned: .mebibytes(1000), step: .mebibytes(8))
        try guest.process.waitForError("probably the guest uses what is still plugged")
        try workload.requireIntact()

        try pinned.letGo()
        let begin = ContinuousClock.now
        try guest.waitForSize(0, of: "vm0", within: .seconds(60))
        let took = ContinuousClock.now - begin
        // The driver's own next attempt would be up to 5 minutes away.
        try #require(took < .seconds(10), "the rest followed after \(took)")
        try view.requireAgreement(on: 0)
        try workload.requireIntact()
        try guest.requireHealthyKernel()
        try guest.requireSilence()
        try guest.quit()
    }
}
