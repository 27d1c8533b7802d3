import Testing

/// Memory that a program held comes back as soon as it ends: the driver, which gives up on memory in use for 50 seconds
/// and more, is made to try again.
@Suite(.serialized, .needsKVMHost) struct ComingBackTests {
    /// A host that is busy with something else at that moment is given two more chances.
    private static let attempts = 3

    @Test func whatAProgramHeldIsBackWithinThreeSecondsOfItsEnd() throws {
        let arguments = [
            "--numa", "node=0,cpus=0,memory=192M", "--numa", "node=1", "--virtio-mem", "id=vm0,size=2G,node=1",
            "--cmdline", "init_on_alloc=0",
        ]
        try withGuest(.debian12(), arguments) { guest in
            var times: [Duration] = []
            while times.count < Self.attempts, times.last.map({ $0 >= .seconds(3) }) ?? true {
                times.append(try timeOfReturn(in: guest))
            }
            try #require(try #require(times.last) < .seconds(3), "the rest was back after \(times)")
            try guest.requireHealthyKernel()
            try guest.quit()
        }
    }

    /// The time from the end of a program that held 600 MiB until nothing is plugged.
    private func timeOfReturn(in guest: Guest) throws -> Duration {
        let view = try DeviceView("vm0", ofSize: .gibibytes(2), in: guest)
        try guest.resize("vm0", to: .gibibytes(1))
        try guest.waitForTotal(.gibibytes(1), ofNode: 1)
        // A page of each block can't be moved. Were it all pages that could be, they would be until the guest has no
        // memory for a new thread of its kernel, which then ends the program.
        let pinned = try PinnedMemory(of: .mebibytes(600), step: .mebibytes(2), ofNode: 1, in: guest)
        try #require(try HostMemory(pid: guest.pid).resident >= .mebibytes(600))
        try #require(try guest.monitor("qom-set vm0 requested-size 0") == "")
        // The driver gives up on what is in use.
        let settled = try view.waitUntilSettled(for: .seconds(8))
        try #require(settled >= .mebibytes(500))

        try pinned.letGo()
        let end = ContinuousClock.now
        try guest.waitForSize(0, of: "vm0", within: .seconds(60))
        return ContinuousClock.now - end
    }
}
