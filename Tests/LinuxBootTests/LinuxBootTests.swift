import GuestMemory
import KernelLayout
import Testing

@testable import LinuxBoot

@Suite struct LinuxBootTests {
    init() throws {
        try GuestMemory.installProcessHandlers()
    }

    private func guest(_ ranges: (UInt64, UInt64)...) throws -> GuestMemory {
        GuestMemory(
            regions: try ranges.map { start, size in
                try GuestMemoryRegion(name: "ram", start: GuestAddress(start), size: size)
            })
    }

    @Test func segmentsAndWhatTheKernelIsToldAreInMemory() throws {
        let memory = try guest((0, 128 * mebibyte))
        var boot = LinuxBoot.sample()
        boot.initrd = .init(file: ArrayFile(bytes: [UInt8](repeating: 0x5a, count: 10_000)), size: 10_000)
        boot.acpi = .sample()
        let state = try boot.load(into: memory)

        #expect(state.rip == 16 * mebibyte + 0x40)
        #expect(
            try memory.read(0x1800, at: GuestAddress(16 * mebibyte))
                == (0x1000..<0x2800).map { UInt8(truncatingIfNeeded: $0 / 16) })
        #expect(try memory.read(0x101, at: GuestAddress(20 * mebibyte)).last == 0)

        let page = try memory.read(4096, at: GuestAddress(state.rsi))
        #expect(page.integer(at: 0x1fe, bytes: 2) == 0xaa55)
        #expect(page.text(at: 0x202, count: 4) == "HdrS")
        #expect(page[0x210] == 0xff)
        #expect(page[0x1ef] == 0, "the sentinel: the loader has cleared what it does not know")
        let initrd = page.integer(at: 0x218, bytes: 4)
        #expect(initrd == 128 * mebibyte - 0x3000)
        #expect(page.integer(at: 0x21c, bytes: 4) == 10_000)
        #expect(try memory.read(10_001, at: GuestAddress(initrd)) == [UInt8](repeating: 0x5a, count: 10_000) + [0])
        #expect(
            try memory.read(14, at: GuestAddress(page.integer(at: 0x228, bytes: 4))) == Array("console=ttyS0".utf8) + [
                0
            ])
        let pointer = page.integer(at: 0x70, bytes: 8)
        #expect(pointer == 0xe_0000)
        #expect(try memory.read(8, at: GuestAddress(pointer)) == Array("RSD PTR ".utf8))
    }

    @Test func memoryMapKeepsFirmwareAwayFromTheGuest() throws {
        let ranges = [
            MemoryRange(start: 64 * mebibyte, size: 64 * mebibyte), MemoryRange(start: 0, size: 64 * mebibyte),
            MemoryRange(start: 1 << 32, size: mebibyte), MemoryRange(start: 1 << 40, size: 0),
        ]
        let memory = try guest((0, 128 * mebibyte), (1 << 32, mebibyte))
        let state = try LinuxBoot.sample(memory: ranges).load(into: memory)
        let page = try memory.read(4096, at: GuestAddress(state.rsi))
        let entries = (0..<Int(page[0x1e8])).map { index in
            let offset = 0x2d0 + index * 20
            return [
                page.integer(at: offset, bytes: 8), page.integer(at: offset + 8, bytes: 8),
                page.integer(at: offset + 16, bytes: 4),
            ]
        }
        let expected: [[UInt64]] = [
            [0, 0x9_fc00, 1], [0x9_fc00, 0x6_0400, 2], [mebibyte, 127 * mebibyte, 1], [1 << 32, mebibyte, 1],
        ]
        #expect(entries == expected)
        #expect(page.integer(at: 0x70, bytes: 8) == 0, "no ACPI was asked for")
        #expect(page.integer(at: 0x21c, bytes: 4) == 0, "no initrd")
    }

    @Test(arguments: [IdentityMap.twoMebibytePages, .oneGibibytePages])
    func pageTablesMapFourGibibytesToThemselves(map: IdentityMap) throws {
        let memory = try guest((0, 128 * mebibyte))
        var boot = LinuxBoot.sample()
        boot.identityMap = map
        let state = try boot.load(into: memory)
        for address in [0, 0x7123, 0x1f_ffff, 0x20_0000, 0x3fff_ffff, 0x4000_0000, 0xffff_ffff] as [UInt64] {
            #expect(try translate(address, tables: state.cr3, in: memory) == address)
        }
        #expect(try translate(0x1_0000_0000, tables: state.cr3, in: memory) == nil)
        #expect(try translate(1 << 39, tables: state.cr3, in: memory) == nil)
    }

    /// A page walk as a processor does it.
    private func translate(_ address: UInt64, tables: UInt64, in memory: GuestMemory) throws -> UInt64? {
        var table = tables
        for shift in [39, 30, 21, 12] as [UInt64] {
            let entry = try memory.loadUInt64(at: GuestAddress(table + (address >> shift & 0x1ff) * 8))
            guard entry & 1 == 1 else { return nil }
            if entry & 0x80 != 0 || shift == 12 {
                let offset = (UInt64(1) << shift) - 1
                return entry & 0xf_ffff_ffff_f000 & ~offset | address & offset
            }
            table = entry & 0xf_ffff_ffff_f000
        }
        return nil
    }

    @Test func descriptorsAreTheOnesOfTheBootProtocol() throws {
        let memory = try guest((0, 128 * mebibyte))
        let state = try LinuxBoot.sample().load(into: memory)
        let table = try memory.read(Int(state.gdtLimit) + 1, at: GuestAddress(state.gdtBase))
        #expect(table.count == 48)
        #expect(table.integer(at: 0x10, bytes: 8) == 0x00af_9b00_0000_ffff)
        #expect(table.integer(at: 0x18, bytes: 8) == 0x00cf_9300_0000_ffff)
        #expect(table.integer(at: 0x20, bytes: 8) == 0x0000_8b00_0000_0067)
        #expect(state.codeSegment.selector == 0x10)
        #expect(state.dataSegment.selector == 0x18)
    }

    @Test func resetStubWritesTheResetPort() throws {
        let memory = try guest((0, 128 * mebibyte))
        _ = try LinuxBoot.sample().load(into: memory)
        #expect(
            try memory.read(10, at: GuestAddress(0xf_fff0))
                == [0xba, 0x02, 0x06, 0xb0, 0x01, 0xee, 0xf4, 0xeb, 0xfd, 0])
    }

    @Test func initrdStaysBelowFourGibibytesAndBesideTheKernel() throws {
        let ranges = [
            MemoryRange(start: 0, size: 26 * mebibyte), MemoryRange(start: 1 << 32, size: 1 << 30),
        ]
        var boot = LinuxBoot.sample(memory: ranges)
        // 2 MiB above the kernel, 15 MiB between the first MiB and it.
        boot.initrd = .init(file: ArrayFile(bytes: []), size: 2 * mebibyte)
        #expect(try boot.placement().initrd == 24 * mebibyte..<26 * mebibyte)
        boot.initrd?.size = 2 * mebibyte + 1
        #expect(try boot.placement().initrd == 14 * mebibyte - 0x1000..<16 * mebibyte - 0x1000 + 1)
        boot.initrd?.size = 15 * mebibyte
        #expect(try boot.placement().initrd == mebibyte..<16 * mebibyte)
        for size in [15 * mebibyte + 1, .max] {
            boot.initrd?.size = size
            #expect(
                throws: BootError.initrdTooBig(size: size, available: 15 * mebibyte, memory: 26 * mebibyte)
            ) { try boot.check() }
        }
    }

    @Test func commandLineAsLongAsTheKernelTakes() throws {
        var boot = LinuxBoot.sample()
        boot.commandLine = String(repeating: "a", count: 2047)
        try boot.check()
        boot.commandLine += "a"
        #expect(throws: BootError.commandLineTooLong(length: 2048, limit: 2047)) { try boot.check() }
        boot.commandLine = "quiet\0ro"
        #expect(throws: BootError.commandLineHasZeroByte(offset: 5)) { try boot.check() }
    }

    @Test func memoryMustBeginAtZeroAndBeDescribable() throws {
        #expect(throws: BootError.noLowMemory) { try LinuxBoot.sample(memory: []).check() }
        #expect(throws: BootError.noLowMemory) {
            try LinuxBoot.sample(memory: [MemoryRange(start: 4096, size: 1 << 30)]).check()
        }
        #expect(throws: BootError.noLowMemory) {
            try LinuxBoot.sample(memory: [MemoryRange(start: 0, size: mebibyte)]).check()
        }
        let scattered = (0..<200).map { MemoryRange(start: $0 << 32, size: 128 * mebibyte) }
        #expect(throws: BootError.tooManyMemoryRanges(count: 202, limit: 128)) {
            try LinuxBoot.sample(memory: scattered).check()
        }
    }

    private static let badSegments: [(KernelLayout.Segment, BootError?)] = [
        (.init(fileOffset: 0, fileSize: 1, address: 0xf_f000, memorySize: 0x2000), nil),
        (.init(fileOffset: 0, fileSize: 1, address: 128 * mebibyte - 1, memorySize: 2), nil),
        (.init(fileOffset: 0, fileSize: 1, address: 1 << 40, memorySize: 1), nil),
        (
            .init(fileOffset: 0, fileSize: 2, address: 16 * mebibyte, memorySize: 1),
            .kernelSegmentMalformed(.init(address: 16 * mebibyte, memorySize: 1, fileSize: 2))
        ),
        (
            .init(fileOffset: 0, fileSize: 1, address: .max, memorySize: 2),
            .kernelSegmentMalformed(.init(address: .max, memorySize: 2, fileSize: 1))
        ),
    ]

    @Test(arguments: badSegments)
    func segmentsOutsideOfMemoryAreRefused(segment: KernelLayout.Segment, expected: BootError?) throws {
        var boot = LinuxBoot.sample()
        boot.kernel.segments.append(segment)
        let range = BootError.KernelRange(
            address: segment.address, memorySize: segment.memorySize, fileSize: segment.fileSize)
        #expect(throws: expected ?? .kernelOutsideMemory(range, memory: 128 * mebibyte)) { try boot.check() }
    }

    @Test func aKernelNeedsSegmentsAndAnEntryInThem() throws {
        var boot = LinuxBoot.sample()
        boot.kernel.entry = 24 * mebibyte
        #expect(throws: BootError.kernelEntryOutsideSegments(24 * mebibyte)) { try boot.check() }
        boot.kernel.segments = []
        #expect(throws: BootError.kernelHasNoSegments) { try boot.check() }
    }

    @Test func aTruncatedFileIsAnError() throws {
        let memory = try guest((0, 128 * mebibyte))
        var boot = LinuxBoot.sample()
        boot.kernelFile = ArrayFile(bytes: [1, 2, 3])
        #expect(throws: BootError.unreadable(.kernel, reason: "it ends at 3")) { try boot.load(into: memory) }
    }

    @Test func messagesNameWhatWasGivenAndWhatIsAllowed() {
        let messages: [(BootError, String)] = [
            (
                .initrdTooBig(size: 300, available: 200, memory: 1000),
                "the initrd has 300 bytes, but only 200 bytes in one piece are left for it beside the kernel in 1000 "
                    + "bytes of boot memory below 4 GiB"
            ),
            (
                .commandLineTooLong(length: 2048, limit: 2047),
                "the kernel command line has 2048 bytes, at most 2047 are possible"
            ),
            (
                .kernelOutsideMemory(.init(address: 0x100_0000, memorySize: 7, fileSize: 3), memory: 4096),
                "the kernel's segment at 0x1000000, 7 bytes, does not lie in boot memory above 1 MiB; the guest has "
                    + "4096 bytes of it"
            ),
        ]
        for (error, message) in messages {
            #expect(error.description == message)
        }
    }
}
