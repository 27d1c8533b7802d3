import Testing

/// Memory that is unplugged is back with the host.
@Suite(.serialized, .needsKVMHost) struct ReturnedMemoryTests {
    @Test func unpluggedMemoryIsBack() throws {
        try returnMemory(.debian12())
    }
}

/// Has a guest write to all of 1 GiB of plugged memory, and unplugs that; twice, since the first time also populates
/// what the guest's kernel needs for it.
func returnMemory(_ kernel: GuestKernel) throws {
    let size: UInt64 = .gibibytes(1)
    let arguments = [
        "--cpus", "2", "--memory", "256M", "--numa", "node=0,cpus=0-1,memory=256M", "--numa", "node=1",
        "--virtio-mem", "id=vm0,size=2G,node=1",
    ]
    try withGuest(kernel, arguments) { guest in
        let region = try HostMemory(pid: guest.pid).unpluggedRegion(ofSize: .gibibytes(2))
        var baseline: UInt64 = 0
        for cycle in 1...2 {
            try guest.resize("vm0", to: size)
            try guest.waitForTotal(size, ofNode: 1)
            // The kernel keeps a few pages back for itself, and kills who wants those too.
            let written = (try guest.memory(ofNode: 1).free - .mebibytes(12)) >> 20
            try #require(written << 20 >= size - .mebibytes(32))
            try #require(try guest.run("memory-touch 1 \(written)M", within: .seconds(180)).hasPrefix("touched"))
            let full = try HostMemory(pid: guest.pid).resident(in: region)
            try #require(full >= written << 20, "\(full) bytes are resident after \(written) MiB were written")

            try guest.resize("vm0", to: 0)
            try guest.waitForNoSlots(of: "vm0")
            let memory = try HostMemory(pid: guest.pid)
            try #require(memory.resident(in: region) == 0)
            if cycle == 1 {
                baseline = memory.resident
            } else {
                try #require(memory.resident <= baseline + .mebibytes(32), "the first cycle left \(baseline)")
            }
        }
        try guest.quit()
    }
}
