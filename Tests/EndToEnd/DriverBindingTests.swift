import Testing

/// The guest's driver comes and goes.
@Suite(.serialized, .needsKVMHost) struct DriverBindingTests {
    @Test func driverComesAndGoes() throws {
        try bindAndUnbind(.debian13())
    }
}

/// Takes the driver away from a device and gives it back: without memory, and with memory in use.
func bindAndUnbind(_ kernel: GuestKernel) throws {
    let size: UInt64 = .gibibytes(2)
    let arguments = ["--memory", "256M", "--virtio-mem", "id=vm0,size=\(size)", "--cmdline", "init_on_alloc=0"]
    try withGuest(kernel, arguments) { guest in
        let driver = "/sys/bus/virtio/drivers/virtio_mem"
        let device = try guest.run("ls \(driver) | grep ^virtio").trimmingLines
        let view = try DeviceView("vm0", ofSize: size, in: guest)
        for _ in 1...2 {
            try view.resize(to: .mebibytes(256))
            try view.resize(to: 0)
            try guest.run("echo \(device) > \(driver)/unbind")
            // Nobody is there to plug it.
            try #require(try guest.monitor("qom-set vm0 requested-size 128M") == "")
            try #require(try view.waitUntilSettled(for: .seconds(1)) == 0)
            try guest.run("echo \(device) > \(driver)/bind")
            try guest.waitForSize(.mebibytes(128), of: "vm0")
            try view.requireAgreement(on: .mebibytes(128))
        }

        try view.resize(to: .mebibytes(512))
        let workload = try PatternWorkload(holding: .mebibytes(400), seed: 3, in: guest)
        try guest.run("echo \(device) > \(driver)/unbind")
        try #require(try guest.run("dmesg | tail -n 3").contains("device still has system memory added"))
        try view.requireAgreement(on: .mebibytes(512))
        // Linux refuses its own driver as long as the memory is added.
        try #require(try guest.run("echo \(device) > \(driver)/bind 2>/dev/null || echo refused") == "refused\n")
        try #require(try guest.monitor("qom-set vm0 requested-size 0") == "")
        try #require(try view.waitUntilSettled(for: .seconds(2)) == .mebibytes(512))
        try view.requireAgreement(on: .mebibytes(512))
        try workload.requireIntact()
        try guest.requireHealthyKernel()
        try guest.requireSilence()

        // A restart is what gets the memory back.
        try guest.begin("reboot")
        try guest.waitUntilReady()
        try guest.waitForShell()
        try view.requireAgreement(on: 0)
        try view.resize(to: .mebibytes(128))
        try guest.quit()
    }
}

extension String {
    /// Without the line feed at its end.
    fileprivate var trimmingLines: String { split(separator: "\n").joined(separator: "\n") }
}
