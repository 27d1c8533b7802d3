import Testing

/// More devices than there are interrupt lines, of several sizes and block sizes.
@Suite(.serialized, .needsKVMHost) struct ManyDevicesTests {
    @Test(arguments: [GuestKernel.debian13()])
    func sixtyFourDevicesShareInterruptLines(kernel: GuestKernel) throws {
        var arguments = ["--memory", "512M"]
        for number in 0..<64 {
            // One that ends within a Linux memory block, and one with blocks as large as Linux's: the driver has a mode
            // of its own for those.
            let size =
                switch number {
                case 62: "size=200M,block-size=4M"
                case 63: "size=512M,block-size=128M"
                default: "size=256M"
                }
            arguments += ["--virtio-mem", "id=vm\(number),\(size)"]
        }
        try withGuest(kernel, arguments) { guest in
            let probed = try guest.run("dmesg | grep -c 'virtio_mem.*start address'")
            try #require(probed == "64\n")
            let before = try guest.memory().total
            // The first and some of the last, which share lines with others.
            let sizes: [(id: String, requested: UInt64, plugged: UInt64)] = [
                ("vm0", .mebibytes(128), .mebibytes(128)), ("vm40", .mebibytes(256), .mebibytes(256)),
                // Linux can't use the part of a Linux memory block that the region does not have.
                ("vm62", .mebibytes(200), .mebibytes(128)), ("vm63", .mebibytes(256), .mebibytes(256)),
            ]
            for device in sizes {
                try guest.monitor("qom-set \(device.id) requested-size \(device.requested)")
                try guest.waitForSize(device.plugged, of: device.id)
            }
            let wanted = sizes.reduce(before) { $0 + $1.plugged }
            var total: UInt64 = 0
            let reached = try Deadline(.seconds(60)).poll {
                total = try guest.memory().total
                return total == wanted ? true : nil
            }
            try #require(reached == true, "\(total) instead of \(wanted)")
            for device in sizes.reversed() {
                try guest.resize(device.id, to: 0)
                try guest.waitForNoSlots(of: device.id)
            }
            try guest.requireHealthyKernel()
            try guest.quit()
        }
    }
}
