import Testing

/// A resize that does not get on is explained once, with advice that works.
@Suite(.serialized, .needsKVMHost) struct StallTests {
    private static let sysfs = "/sys/devices/system/memory"

    /// Debian's 6.1 does not bring memory online by itself, and its driver stops at 1 GiB of such memory.
    @Test func memoryThatIsNotOnline() throws {
        let arguments = [
            "--memory", "256M", "--virtio-mem", "id=vm0,size=4G", "--resize-stall", "2s",
            "--cmdline", "memhp_default_state=offline",
        ]
        try withGuest(.debian12(), arguments) { guest in
            try #require(try guest.monitor("qom-set vm0 requested-size 1536M") == "")
            let message = try guest.waitForStall(of: "vm0")
            try #require(message.hasPrefix("1G of 1536M are plugged, and nothing has moved for 2 s: probably"))
            try #require(message.contains("has not brought online"))
            let details = try guest.memoryDeviceDetails("vm0")
            try #require(details["why"]?.contains("has not brought online") == true, "\(details)")
            try #require(details["driver"] == "running, with features 0x130000002", "\(details)")
            try #require(details["requests"] == "plug 8 (8 done)", "\(details)")

            try guest.run("echo online_movable > \(Self.sysfs)/auto_online_blocks")
            try guest.run(
                "for f in \(Self.sysfs)/memory*/state; do "
                    + "grep -q offline $f && echo online_movable > $f || true; done")
            try guest.waitForSize(.mebibytes(1536), of: "vm0")
            try #require(try guest.memoryDeviceDetails("vm0")["why"] == nil)
            try guest.quit()
        }
    }

    @Test func noDriver() throws {
        let arguments = [
            "--memory", "192M", "--virtio-mem", "id=vm0,size=2G", "--resize-stall", "2s",
        ]
        try withGuest(.debian13(), arguments) { guest in
            let driver = "/sys/bus/virtio/drivers/virtio_mem"
            try guest.run("cd \(driver); echo virtio* > /tmp-name; echo virtio* > unbind")
            try #require(try guest.memoryDeviceDetails("vm0")["driver"] == "none")
            try #require(try guest.monitor("qom-set vm0 requested-size 128M") == "")
            let message = try guest.waitForStall(of: "vm0")
            try #require(message.hasPrefix("0 of 128M are plugged, and nothing has moved for 2 s: no driver"))
            try guest.run("cat /tmp-name > \(driver)/bind")
            try guest.waitForSize(.mebibytes(128), of: "vm0")
            try guest.quit()
        }
    }

    /// A program that ends gives the explanation, and what is left of the resize follows.
    @Test func memoryInUse() throws {
        let arguments = [
            "--numa", "node=0,cpus=0,memory=192M", "--numa", "node=1",
            "--virtio-mem", "id=vm0,size=2G,node=1", "--resize-stall", "3s",
            "--cmdline", "init_on_alloc=0",
        ]
        try withGuest(.debian12(), arguments) { guest in
            try guest.resize("vm0", to: .mebibytes(512))
            try guest.waitForTotal(.mebibytes(512), ofNode: 1)
            // A page of each block can't be moved: what can would be, until the guest has no memory for anything else.
            let pinned = try PinnedMemory(of: .mebibytes(400), step: .mebibytes(2), ofNode: 1, in: guest)
            try #require(try guest.monitor("qom-set vm0 requested-size 0") == "")
            let message = try guest.waitForStall(of: "vm0")
            try #require(message.contains("probably the guest uses what is still plugged (0x1"), "\(message)")
            let details = try guest.memoryDeviceDetails("vm0")
            try #require(try #require(details["reminders"].flatMap { Int($0) }) >= 2, "\(details)")
            try pinned.letGo()
            try guest.waitForSize(0, of: "vm0", within: .seconds(30))
            try guest.requireHealthyKernel()
            try guest.quit()
        }
    }
}

extension Guest {
    /// Waits for the message that explains why a resize does not get on.
    fileprivate func waitForStall(of id: String) throws -> String {
        try process.waitForError("swiftlet: warning: \(id): ", within: .seconds(120))
        return try process.waitForError("\n")
    }

    /// What `info memory-devices -v` says of a device.
    func memoryDeviceDetails(_ id: String) throws -> [String: String] {
        let reports = try MemoryDeviceReport.parse(monitor("info memory-devices -v"))
        guard let report = reports.first(where: { $0.id == id }) else {
            throw TestFailure("info memory-devices -v does not name \(id)")
        }
        return report.properties
    }
}
