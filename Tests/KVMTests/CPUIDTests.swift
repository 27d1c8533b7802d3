import Testing

@testable import KVM

/// What a guest is told about its processors, without a guest.
@Suite struct CPUIDTests {
    private static let layouts = [
        ProcessorLayout(sockets: 1, cores: 1, threads: 1),
        ProcessorLayout(sockets: 1, cores: 2, threads: 1), ProcessorLayout(sockets: 2, cores: 1, threads: 1),
        ProcessorLayout(sockets: 1, cores: 1, threads: 2),
        ProcessorLayout(sockets: 1, cores: 4, threads: 1), ProcessorLayout(sockets: 2, cores: 2, threads: 1),
        ProcessorLayout(sockets: 1, cores: 2, threads: 2), ProcessorLayout(sockets: 2, cores: 1, threads: 2),
        ProcessorLayout(sockets: 2, cores: 3, threads: 1), ProcessorLayout(sockets: 1, cores: 3, threads: 2),
        ProcessorLayout(sockets: 3, cores: 1, threads: 2), ProcessorLayout(sockets: 1, cores: 2, threads: 3),
    ]

    /// Leaf 0 of a vendor, by the four letters of EBX.
    private static func vendor(_ letters: String, highest: UInt32) -> CPUID.Entry {
        let bytes = letters.utf8.reversed()
        return CPUID.Entry(leaf: 0, eax: highest, ebx: bytes.reduce(0) { $0 << 8 | UInt32($1) })
    }

    /// A cache of one level, shared on the host by more than any layout has.
    private static func cache(leaf: UInt32, subleaf: UInt32, level: UInt32, type: UInt32, rest: UInt32) -> CPUID.Entry {
        CPUID.Entry(
            leaf: leaf, subleaf: subleaf, isIndexed: true, eax: rest | 0x7F << 14 | 1 << 8 | level << 5 | type)
    }

    private static func caches(leaf: UInt32, rest: UInt32) -> [CPUID.Entry] {
        [
            cache(leaf: leaf, subleaf: 0, level: 1, type: 1, rest: rest),
            cache(leaf: leaf, subleaf: 1, level: 1, type: 2, rest: rest),
            cache(leaf: leaf, subleaf: 2, level: 2, type: 3, rest: rest),
            cache(leaf: leaf, subleaf: 3, level: 3, type: 3, rest: rest),
            CPUID.Entry(leaf: leaf, subleaf: 4, isIndexed: true),
        ]
    }

    /// As an Intel host with 64 threads reports it, on its thread 37.
    private static let intel = CPUID(
        entries: [
            vendor("Genu", highest: 0x1F),
            CPUID.Entry(leaf: 1, eax: 0x606A6, ebx: 0x2540_0800, ecx: 0x7FFA_FBFF, edx: 0xBFEB_FBFF),
        ] + caches(leaf: 4, rest: 31 << 26) + [
            CPUID.Entry(leaf: 0x0B, subleaf: 0, isIndexed: true, eax: 1, ebx: 2, ecx: 0x100, edx: 37),
            CPUID.Entry(leaf: 0x0B, subleaf: 1, isIndexed: true, eax: 6, ebx: 64, ecx: 0x201, edx: 37),
            CPUID.Entry(leaf: 0x1F, subleaf: 0, isIndexed: true, eax: 1, ebx: 2, ecx: 0x100, edx: 37),
            CPUID.Entry(leaf: 0x8000_0001, ecx: 0x121, edx: 0x2C10_0800),
            CPUID.Entry(leaf: 0x8000_0008, eax: 0x302E),
        ])

    /// As an AMD host with 64 threads reports it.
    private static let amd = CPUID(
        entries: [
            vendor("Auth", highest: 0x10),
            CPUID.Entry(leaf: 1, eax: 0x830F10, ebx: 0x2540_0800, ecx: 0x7ED8_320B, edx: 0x178B_FBFF),
            CPUID.Entry(leaf: 0x8000_0001, ecx: 0x75C2_37FF, edx: 0x2FD3_FBFF),
            CPUID.Entry(leaf: 0x8000_0008, eax: 0x3030, ebx: 0x111, ecx: 0x0003_F07F | 0xC00),
        ] + caches(leaf: 0x8000_001D, rest: 0) + [
            CPUID.Entry(leaf: 0x8000_001E, eax: 37, ebx: 0x112, ecx: 0x303)
        ])

    private func leaf(_ number: UInt32, _ subleaf: UInt32 = 0, of cpuid: CPUID) throws -> CPUID.Entry {
        try #require(cpuid.entries.first { $0.leaf == number && (!$0.isIndexed || $0.subleaf == subleaf) })
    }

    /// The smallest number of bits that tells so many ids apart.
    private func bits(_ count: Int) -> UInt32 {
        var width: UInt32 = 0
        while 1 << width < count { width += 1 }
        return width
    }

    // MARK: Both vendors

    @Test(arguments: layouts)
    func theFirstLeafHasTheVCPUsOwnNumberAndItsSocketsSize(layout: ProcessorLayout) throws {
        for host in [Self.intel, Self.amd] {
            for vcpu in 0..<layout.count {
                let guest = host.forGuest(vcpu: vcpu, in: layout, hasDeadlineTimer: false)
                let entry = try leaf(1, of: guest)
                #expect(entry.ebx >> 24 == layout.apicID(of: vcpu))
                #expect(entry.ebx >> 16 & 0xFF == 1 << (bits(layout.threads) + bits(layout.cores)))
                #expect(entry.ebx & 0xFFFF == 0x0800, "cache line size and brand stay the host's")
                #expect(entry.edx >> 28 & 1 == (layout.cores * layout.threads > 1 ? 1 : 0))
                #expect(entry.eax == host.entry(1)?.eax)
            }
        }
    }

    @Test func aHypervisorIsPresentAndTheDeadlineTimerIsWhatKVMSays() throws {
        let layout = ProcessorLayout(sockets: 1, cores: 1, threads: 1)
        for host in [Self.intel, Self.amd] {
            let without = try leaf(1, of: host.forGuest(vcpu: 0, in: layout, hasDeadlineTimer: false))
            let with = try leaf(1, of: host.forGuest(vcpu: 0, in: layout, hasDeadlineTimer: true))
            #expect(without.ecx >> 31 == 1)
            #expect(without.ecx >> 24 & 1 == 0)
            #expect(with.ecx >> 24 & 1 == 1)
            #expect(with.ecx ^ without.ecx == 1 << 24)
        }
    }

    /// The way by which Linux tells threads, cores and sockets apart: APIC id and the shifts of leaf 0x0B.
    @Test(arguments: layouts)
    func theTopologyLeafLeadsBackToTheLayout(layout: ProcessorLayout) throws {
        for host in [Self.intel, Self.amd] {
            for vcpu in 0..<layout.count {
                let guest = host.forGuest(vcpu: vcpu, in: layout, hasDeadlineTimer: true)
                let levels = guest.entries.filter { $0.leaf == 0x0B }
                #expect(levels.map(\.subleaf) == [0, 1, 2])
                #expect(levels.allSatisfy { $0.isIndexed && $0.edx == layout.apicID(of: vcpu) })
                #expect(levels.map { $0.ecx & 0xFF } == [0, 1, 2], "each names its own number")
                #expect(levels.map { $0.ecx >> 8 & 0xFF } == [1, 2, 0], "threads, cores, the end")
                #expect(levels.map(\.ebx) == [UInt32(layout.threads), UInt32(layout.threads * layout.cores), 0])
                let (id, threads, cores) = (levels[0].edx, levels[0].eax & 0x1F, levels[1].eax & 0x1F)
                #expect(Int(id & (1 << threads - 1)) == vcpu % layout.threads)
                #expect(Int(id >> threads & (1 << (cores - threads) - 1)) == vcpu / layout.threads % layout.cores)
                #expect(Int(id >> cores) == vcpu / layout.threads / layout.cores)
                #expect(!guest.entries.contains { $0.leaf == 0x1F })
            }
        }
    }

    @Test func aProcessorWithoutTheTopologyLeafGetsNone() {
        let old = CPUID(entries: [Self.vendor("Auth", highest: 0x0A), CPUID.Entry(leaf: 1)])
        let guest = old.forGuest(
            vcpu: 0, in: ProcessorLayout(sockets: 1, cores: 2, threads: 1), hasDeadlineTimer: false)
        #expect(guest.entry(0x0B) == nil)
    }

    @Test func everythingElseStaysTheHosts() {
        let other = [CPUID.Entry(leaf: 7, isIndexed: true, ebx: 0x1234), CPUID.Entry(leaf: 0x4000_0001, eax: 0x99)]
        let guest = CPUID(entries: Self.intel.entries + other).forGuest(
            vcpu: 0, in: ProcessorLayout(sockets: 2, cores: 2, threads: 2), hasDeadlineTimer: true)
        for entry in other { #expect(guest.entry(entry.leaf) == entry) }
        #expect(guest.entry(0) == Self.intel.entry(0))
    }

    // MARK: Intel

    @Test(arguments: layouts)
    func intelCachesAreSharedByACoresThreadsOrBySockets(layout: ProcessorLayout) throws {
        for vcpu in 0..<layout.count {
            let guest = Self.intel.forGuest(vcpu: vcpu, in: layout, hasDeadlineTimer: true)
            for subleaf in 0...3 as ClosedRange<UInt32> {
                let (entry, host) = (try leaf(4, subleaf, of: guest), try leaf(4, subleaf, of: Self.intel))
                let ids: UInt32 = 1 << (bits(layout.threads) + (subleaf < 3 ? 0 : bits(layout.cores)))
                #expect(entry.eax >> 14 & 0xFFF == ids - 1)
                #expect(entry.eax >> 26 == 1 << bits(layout.cores) - 1, "ids of cores in the socket")
                #expect(entry.eax & 0x3FFF == host.eax & 0x3FFF, "type and level stay the host's")
            }
            #expect(try leaf(4, 4, of: guest).eax == 0, "the end of the caches stays their end")
        }
    }

    /// Linux takes that bit for "these are cores, not threads" and would ignore the threads.
    @Test func intelHasNoCompatibilityBitOfAMD() throws {
        for layout in Self.layouts {
            let guest = Self.intel.forGuest(vcpu: 0, in: layout, hasDeadlineTimer: true)
            #expect(try leaf(0x8000_0001, of: guest).ecx == 0x121)
            #expect(try leaf(0x8000_0008, of: guest).ecx == 0, "reserved there")
        }
    }

    // MARK: AMD

    @Test(arguments: layouts)
    func amdCountsTheThreadsOfASocket(layout: ProcessorLayout) throws {
        for vcpu in 0..<layout.count {
            let guest = Self.amd.forGuest(vcpu: vcpu, in: layout, hasDeadlineTimer: true)
            let threads = UInt32(layout.cores * layout.threads)
            #expect(try leaf(0x8000_0001, of: guest).ecx >> 1 & 1 == (threads > 1 ? 1 : 0))
            let sizes = try leaf(0x8000_0008, of: guest)
            #expect(sizes.ecx & 0xFF == threads - 1)
            #expect(sizes.ecx >> 12 & 0xF == bits(layout.threads) + bits(layout.cores))
            #expect(sizes.ecx & ~0xF0FF == Self.amd.entry(0x8000_0008)!.ecx & ~0xF0FF)
            #expect(sizes.eax == 0x3030)
            let identity = try leaf(0x8000_001E, of: guest)
            #expect(identity.eax == layout.apicID(of: vcpu))
            #expect(identity.ebx >> 8 & 0xFF == UInt32(layout.threads) - 1)
            #expect(identity.ebx & 0xFF == (layout.apicID(of: vcpu) >> bits(layout.threads)) & 0xFF)
            #expect(Int(identity.ecx & 0xFF) == vcpu / Int(threads))
            #expect(identity.ecx >> 8 & 7 == 0, "one node in each socket")
        }
    }

    @Test(arguments: layouts)
    func amdCachesAreSharedByACoresThreadsOrBySockets(layout: ProcessorLayout) throws {
        let guest = Self.amd.forGuest(vcpu: 0, in: layout, hasDeadlineTimer: true)
        for subleaf in 0...3 as ClosedRange<UInt32> {
            let entry = try leaf(0x8000_001D, subleaf, of: guest)
            let ids: UInt32 = 1 << (bits(layout.threads) + (subleaf < 3 ? 0 : bits(layout.cores)))
            #expect(entry.eax >> 14 & 0xFFF == ids - 1)
            #expect(entry.eax >> 26 == 0, "reserved there")
        }
    }

    // MARK: What the table says

    @Test func vendorsAreTold() {
        #expect(Self.amd.isAMD)
        #expect(!Self.intel.isAMD)
        #expect(CPUID(entries: [Self.vendor("Hygo", highest: 0xD)]).isAMD)
        #expect(!CPUID(entries: []).isAMD)
    }

    @Test func physicalAddressBitsAreTheProcessorsOrTheLeast() {
        #expect(Self.intel.physicalAddressBits == 46)
        #expect(Self.amd.physicalAddressBits == 48)
        #expect(CPUID(entries: []).physicalAddressBits == 36)
    }

    @Test func theKernelsFormGoesBothWays() throws {
        #expect(try CPUID(#require(Self.intel.kernel)) == Self.intel)
        let most = CPUID(entries: Array(repeating: CPUID.Entry(leaf: 2), count: 256))
        #expect(try CPUID(#require(most.kernel)) == most)
        #expect(CPUID(entries: most.entries + most.entries.prefix(1)).kernel == nil)
    }
}
