import Testing

/// Memory that programs in the guest hold can't be unplugged; it can once they let go.
@Suite(.serialized, .needsKVMHost) struct BusyMemoryTests {
    @Test(arguments: [GuestKernel.debian12(), .debian13()])
    func restFollowsWhenTheWorkloadLetsGo(kernel: GuestKernel) throws {
        try unplugBesideWorkload(kernel)
    }
}

/// Wants all memory of a device back while a program holds more than fits anywhere else.
func unplugBesideWorkload(_ kernel: GuestKernel) throws {
    let (size, held): (UInt64, UInt64) = (.gibibytes(2), .mebibytes(600))
    let arguments = ["--memory", "256M", "--virtio-mem", "id=vm0,size=\(size)", "--cmdline", "init_on_alloc=0"]
    try withGuest(kernel, arguments) { guest in
        let view = try DeviceView("vm0", ofSize: size, in: guest)
        try view.resize(to: .gibibytes(1))
        let workload = try PatternWorkload(holding: held, seed: 7, in: guest)
        try #require(try guest.monitor("qom-set vm0 requested-size 0") == "")
        try guest.process.waitForError("probably the guest uses what is still plugged")
        let left = try view.waitUntilSettled(for: .seconds(2))
        // The program moves into boot memory as far as that has room, and what is free of the device is unplugged.
        try #require((held - .mebibytes(256)..<held + .mebibytes(64)).contains(left), "\(left) bytes are still plugged")
        try view.requireHostAgreement(on: left)
        try workload.requireIntact()

        try workload.letGo()
        let begin = ContinuousClock.now
        try guest.waitForSize(0, of: "vm0", within: .seconds(60))
        let took = ContinuousClock.now - begin
        // The driver's own next attempt would be up to 5 minutes away.
        try #require(took < .seconds(10), "the rest followed after \(took)")
        try view.requireAgreement(on: 0)
        try guest.requireHealthyKernel()
        try guest.requireSilence()
        try guest.quit()
    }
}
