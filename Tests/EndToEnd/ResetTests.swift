import Testing

/// Guests that restart find a clean machine, however often.
@Suite(.serialized, .needsKVMHost) struct RepeatedResetTests {
    @Test func tenResetsInARowWithMemoryPlugged() throws {
        try resetTenTimes(.debian12())
    }
}

/// Guests restart or end, by themselves or because somebody wants it.
@Suite(.serialized, .needsKVMHost) struct ResetTests {
    @Test func rebootResetAndPowerButton() throws {
        try withGuest(.debian13(), ["--cpus", "2", "--memory", "128M"]) { guest in
            try guest.begin("reboot")
            try guest.waitUntilReady()
            try guest.waitForShell()
            try #require(try guest.monitor("system_reset") == "")
            try guest.waitUntilReady()
            try guest.waitForShell()
            try #require(try guest.monitor("system_powerdown") == "")
            #expect(try guest.process.waitUntilEnded(within: .seconds(120)) == .exited(0))
        }
    }

    /// The default command line's `panic=-1` is all that it takes.
    @Test(arguments: [GuestKernel.debian12(.bzImage), .debian13(.bzImage)])
    func panicResets(kernel: GuestKernel) throws {
        let arguments = ["--memory", "128M", "--cmdline", "swiftlet.init=panic"]
        try withGuest(kernel, arguments, waits: false) { guest in
            try guest.waitUntilReady()
            try guest.waitUntilReady()
            try guest.quit()
        }
    }

    @Test func panicAndRebootEndWhereThatIsWanted() throws {
        for action in ["panic", "reboot"] {
            let arguments = ["--memory", "128M", "--on-reboot", "exit", "--cmdline", "swiftlet.init=\(action)"]
            try withGuest(.debian12(), arguments, waits: false) { guest in
                try guest.waitUntilReady()
                #expect(try guest.process.waitUntilEnded(within: .seconds(120)) == .exited(0), "\(action)")
            }
        }
    }
}

/// Restarts a guest ten times, from inside and from outside in turns, each time with memory plugged and written to.
func resetTenTimes(_ kernel: GuestKernel) throws {
    let requested: UInt64 = .mebibytes(256)
    let arguments = [
        "--cpus", "2", "--memory", "192M", "--numa", "node=0,cpus=0-1,memory=192M", "--numa", "node=1",
        "--virtio-mem", "id=vm0,size=2G,node=1",
    ]
    try withGuest(kernel, arguments) { guest in
        let region = try HostMemory(pid: guest.pid).unpluggedRegion(ofSize: .gibibytes(2))
        try guest.resize("vm0", to: requested)
        try guest.waitForTotal(requested, ofNode: 1)
        let boot = try guest.memory(ofNode: 0).total
        for round in 1...10 {
            try guest.run("memory-touch 1 192M", within: .seconds(120))
            try #require(try HostMemory(pid: guest.pid).resident(in: region) >= .mebibytes(192))
            if round.isMultiple(of: 2) {
                try guest.monitor("system_reset")
            } else {
                try guest.begin("reboot")
            }
            try guest.waitUntilReady()
            try guest.waitForShell()
            // The requested size outlives a reset, and what was written does not.
            try guest.waitForSize(requested, of: "vm0")
            try guest.waitForTotal(requested, ofNode: 1)
            let resident = try HostMemory(pid: guest.pid).resident(in: region)
            try #require(resident < .mebibytes(64), "\(resident) bytes are resident after reset \(round)")
            try #require(try guest.memory(ofNode: 0).total == boot, "after reset \(round)")
        }
        try guest.requireHealthyKernel()
        try guest.powerOff()
    }
}
