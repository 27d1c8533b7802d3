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

/// What happens in a guest's life, with the kernels that the quick set does not take.
@Suite(.serialized, .needsKVMHost) struct FullResizingTests {
    @Test func everyBlockSizeGrowsAndShrinks() throws {
        try resizeWithEveryBlockSize(.debian13())
    }

    @Test func movableByRatioByHandAndKernel() throws {
        try bringOnlineInEveryWay(.debian12())
    }

    @Test func aThousandChangesAtAnyTime() throws {
        try resizeAtAnyTime(.debian13())
    }

    @Test func looksAtAllMemoryBesideHoles() throws {
        try lookAtAllMemory(.debian12())
    }
}

@Suite(.serialized, .needsKVMHost) struct FullRestartTests {
    @Test func driverComesAndGoes() throws {
        try bindAndUnbind(.debian12())
    }

    @Test func nextKernelStartsCleanly() throws {
        try startNextKernel(.debian13())
    }

    @Test func crashKernelReadsAllMemory() throws {
        try dumpCrashedKernel(.debian13())
    }
}
