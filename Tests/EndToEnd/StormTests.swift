import Testing

/// Sizes change faster than a guest can follow, and while it is not there to follow.
@Suite(.serialized, .needsKVMHost) struct ResizeStormTests {
    @Test func aThousandChangesAtAnyTime() throws {
        try resizeAtAnyTime(.debian12())
    }
}

@Suite(.serialized, .needsKVMHost) struct RebootStormTests {
    @Test(arguments: [GuestKernel.debian12(), .debian13()])
    func tenRestartsWhileSizesChange(kernel: GuestKernel) throws {
        try restartWhileSizesChange(kernel)
    }
}

/// Resizes a guest during its boot, a thousand times while it runs, and while it is paused.
func resizeAtAnyTime(_ kernel: GuestKernel) throws {
    let size: UInt64 = .gibibytes(2)
    let arguments = ["--memory", "256M", "--virtio-mem", "id=vm0,size=\(size)", "--cmdline", "init_on_alloc=0"]
    try withGuest(kernel, arguments) { guest in
        let view = try DeviceView("vm0", ofSize: size, in: guest)
        try guest.monitor("system_reset")
        try changeSizes(of: view, times: 50)
        try #require(try guest.monitor("qom-set vm0 requested-size 384M") == "")
        try guest.waitUntilReady()
        try guest.waitForShell()
        try guest.waitForSize(.mebibytes(384), of: "vm0")
        try view.requireAgreement(on: .mebibytes(384))

        try changeSizes(of: view, times: 1000)
        try view.resize(to: .mebibytes(256))

        try pauseWithin(view, from: .mebibytes(256), to: .gibibytes(1))
        try pauseWithin(view, from: .gibibytes(1), to: 0)
        try guest.requireHealthyKernel()
        try guest.requireSilence()
        try guest.quit()
    }
}

/// Asks for one size after the other, without waiting for any.
private func changeSizes(of view: DeviceView, times: Int) throws {
    var numbers = SystemRandomNumberGenerator()
    for _ in 1...times {
        // Any number of device blocks, most of them no multiple of Linux memory blocks.
        let size = UInt64.random(in: 0...256, using: &numbers) << 21
        let answer = try view.guest.monitor("qom-set \(view.id) requested-size \(size)")
        try #require(answer == "")
    }
}

/// Pauses the guest in the middle of a resize: nothing moves then, and the resize ends after it goes on.
private func pauseWithin(_ view: DeviceView, from old: UInt64, to new: UInt64) throws {
    let monitor = view.guest.monitor
    for attempt in 1...10 {
        try #require(try monitor("qom-set \(view.id) requested-size \(new)") == "")
        let moved = try Deadline(.seconds(60)).poll(every: 1) { try view.plugged != old ? true : nil }
        try #require(moved == true)
        try #require(try monitor("stop") == "")
        let plugged = try view.plugged
        if plugged != new {
            try #require(try monitor("info status") == "VM status: paused\n")
            try #require(try view.waitUntilSettled(for: .seconds(1)) == plugged)
            try view.requireHostAgreement(on: plugged)
            try #require(try monitor("cont") == "")
            try view.guest.waitForSize(new, of: view.id)
            try view.requireAgreement(on: new)
            return
        }
        // The guest was done before it was stopped.
        try #require(try monitor("cont") == "")
        try #require(attempt < 10, "the guest was never caught between \(old) and \(new)")
        try view.resize(to: old)
    }
}

/// Restarts a guest ten times, from inside and from outside in turns, each time in the middle of a plug.
func restartWhileSizesChange(_ kernel: GuestKernel) throws {
    let size: UInt64 = .gibibytes(2)
    let arguments = ["--memory", "256M", "--virtio-mem", "id=vm0,size=\(size)", "--cmdline", "init_on_alloc=0"]
    try withGuest(kernel, arguments) { guest in
        let view = try DeviceView("vm0", ofSize: size, in: guest)
        var caught = 0
        for round in 1...10 {
            try view.resize(to: 0)
            try #require(try guest.monitor("qom-set vm0 requested-size 1G") == "")
            _ = try Deadline(.seconds(60)).poll(every: 1) { try view.plugged != 0 ? true : nil }
            if round.isMultiple(of: 2) {
                try guest.begin("reboot -f")
            } else {
                caught += try view.plugged < .gibibytes(1) ? 1 : 0
                try guest.monitor("system_reset")
            }
            // The reset takes effect, and then the guest's driver is not there for a while.
            try changeSizes(of: view, times: 20)
            try guest.waitUntilReady()
            try guest.waitForShell()
            try changeSizes(of: view, times: 20)
        }
        try #require(caught > 0, "no reset was in the middle of a plug")
        try view.resize(to: .mebibytes(512))
        try guest.run("memory-touch any 512M")
        try view.resize(to: 0)
        try guest.requireHealthyKernel()
        try guest.requireSilence()
        try guest.powerOff()
    }
}
