import Testing

/// What `Tools/test --full` adds: the other halves of combinations that the quick set tests once each.
@Suite(.serialized, .needsKVMHost) struct FullBootTests {
    @Test(arguments: [
        (GuestKernel.debian12(.elf), 1), (.debian12(.bzImage), 2), (.debian12(.elf), 4),
        (.debian13(.bzImage), 1), (.debian13(.elf), 2), (.debian13(.bzImage), 4),
    ])
    func bootsAndPowersOff(kernel: GuestKernel, cpus: Int) throws {
        try bootAndPowerOff(kernel: kernel, cpus: cpus)
    }
}

@Suite(.serialized, .needsKVMHost) struct FullMemoryTests {
    @Test func unpluggedMemoryIsBack() throws {
        try returnMemory(.debian13())
    }

    @Test func patternsOutliveResizesOfAnotherDevice() throws {
        try resizeBesidePatterns(.debian12())
    }
}

@Suite(.serialized, .needsKVMHost) struct FullResetTests {
    @Test func tenResetsInARowWithMemoryPlugged() throws {
        try resetTenTimes(.debian13())
    }
}
