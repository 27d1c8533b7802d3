import Testing

/// Linux's driver has two ways to work: blocks below a Linux memory block, and blocks of that size and more.
@Suite(.serialized, .needsKVMHost) struct BlockSizeTests {
    @Test func everyBlockSizeGrowsAndShrinks() throws {
        try resizeWithEveryBlockSize(.debian12())
    }
}

/// Grows and shrinks devices of six block sizes in one guest, one after the other.
func resizeWithEveryBlockSize(_ kernel: GuestKernel) throws {
    let blockSizes: [UInt64] = [2, 4, 64, 128, 256, 512]
    // Each region has its own size, by which it is found among the process's mappings.
    let size = { (index: Int) in UInt64.gibibytes(1) + .mebibytes(512 * UInt64(index)) }
    var arguments = ["--memory", "256M", "--cmdline", "init_on_alloc=0"]
    for (index, blockSize) in blockSizes.enumerated() {
        arguments += ["--virtio-mem", "id=vm\(blockSize),size=\(size(index)),block-size=\(blockSize)M"]
    }
    try withGuest(kernel, arguments) { guest in
        for (index, mebibytes) in blockSizes.enumerated() {
            let view = try DeviceView("vm\(mebibytes)", ofSize: size(index), in: guest)
            let blockSize = UInt64.mebibytes(mebibytes)
            let grown = max(.mebibytes(256), 2 * blockSize)
            try view.resize(to: grown)
            // The smallest part that Linux can take away, which leaves a Linux memory block partly plugged where it can.
            try view.resize(to: grown - blockSize)
            try view.resize(to: .mebibytes(128) + (blockSize < .mebibytes(128) ? blockSize : grown - .mebibytes(128)))
            try view.resize(to: 0)
        }
        let log = try guest.run("dmesg | grep virtio_mem")
        for mebibytes in blockSizes {
            let mode = mebibytes < 128 ? "subblock size" : "big block size"
            let line = "\(mode): 0x\(String(mebibytes << 20, radix: 16))"
            #expect(log.contains(line), "no '\(line)' in \(log)")
        }
        try guest.requireHealthyKernel()
        try guest.requireSilence()
        try guest.quit()
    }
}
