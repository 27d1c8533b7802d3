import GuestMemory
import TestSupport
import Testing
import Virtio

@testable import VirtioMem
@testable import VirtioTestSupport

/// What the specification demands of the configuration space, of negotiation and of resets (5.15.4.2, 5.15.5.2), in
/// its words.
@Suite struct ConfigurationStatementTests {
    private static let mebibyte = MemoryDeviceFixture.mebibyte
    private static let gibibyte = MemoryDeviceFixture.gibibyte

    /// "The device MUST NOT change block_size, node_id, addr, and region_size, except during a system reset."
    @Test func theFixedFieldsStay() throws {
        let device = try MemoryDeviceFixture(node: 3)
        func expectFixedFields() {
            #expect(device.configuredBlockSize == 2 * Self.mebibyte)
            #expect(device.node == 3)
            #expect(device.address == MemoryDeviceFixture.start)
            #expect(device.configuredRegionSize == 8 * Self.gibibyte)
        }
        expectFixedFields()
        #expect(try device.plug(block: 0, 5) == .acknowledge)
        try device.setRequestedSize(8 * Self.gibibyte)
        expectFixedFields()
        #expect(try device.unplugAll() == .acknowledge)
        try device.resetByDriver()
        expectFixedFields()
        try device.resetSystem()
        expectFixedFields()
    }

    /// "The device MUST change plugged_size to reflect the size of plugged memory blocks."
    @Test func thePluggedSizeFollows() throws {
        let device = try MemoryDeviceFixture()
        #expect(device.pluggedSize == 0)
        #expect(try device.plug(block: 7, 3) == .acknowledge)
        #expect(device.pluggedSize == 6 * Self.mebibyte)
        #expect(try device.unplug(block: 8) == .acknowledge)
        #expect(device.pluggedSize == 4 * Self.mebibyte)
    }

    /// "The device MUST set usable_region_size to requested_size or greater." And: "The device MUST NOT shrink
    /// usable_region_size, except when processing an UNPLUG ALL request, or during a system reset."
    @Test func theUsableRegionGrowsWithRequestsAndDoesNotShrinkWithThem() throws {
        let device = try MemoryDeviceFixture(region: 16 * Self.gibibyte, requested: 0)
        var before: UInt64 = 0
        for requested in [0, 1, 5, 3, 0, 10, 16, 2] as [UInt64] {
            try device.setRequestedSize(requested * Self.gibibyte)
            #expect(device.requestedSize == requested * Self.gibibyte)
            #expect(device.usableSize >= device.requestedSize)
            #expect(device.usableSize >= before)
            before = device.usableSize
        }
        #expect(device.usableSize == 16 * Self.gibibyte)
        try device.resetByDriver()
        #expect(device.usableSize == 16 * Self.gibibyte, "a reset by the driver is none of the system")
    }

    @Test func theUsableRegionShrinksOnUnplugAll() throws {
        let device = try MemoryDeviceFixture(region: 16 * Self.gibibyte, requested: 10 * Self.gibibyte)
        try device.setRequestedSize(Self.gibibyte)
        #expect(device.usableSize == 12 * Self.gibibyte)
        #expect(try device.unplugAll() == .acknowledge)
        #expect(device.usableSize == 2 * Self.gibibyte)
        #expect(device.usableSize >= device.requestedSize)
    }

    @Test func theUsableRegionShrinksOnSystemReset() throws {
        let device = try MemoryDeviceFixture(region: 16 * Self.gibibyte, requested: 10 * Self.gibibyte)
        try device.setRequestedSize(Self.gibibyte)
        try device.resetSystem()
        #expect(device.usableSize == 2 * Self.gibibyte)
        #expect(device.requestedSize == Self.gibibyte, "the requested size stays")
    }

    /// "The device MUST set block_size to a power of two." And: "The device MUST set addr, region_size,
    /// usable_region_size, plugged_size, requested_size to multiples of block_size."
    @Test(arguments: [4096, 2 << 20, 128 << 20, 1 << 30, 2 << 30, 4 << 30] as [UInt64])
    func everySizeIsAMultipleOfTheBlockSize(blockSize: UInt64) throws {
        let device = try MemoryDeviceFixture(region: 16 * Self.gibibyte, blockSize: blockSize, requested: 0)
        for blocks in [0, 1, 2, 3] as [UInt64] {
            try device.setRequestedSize(blocks * blockSize)
            if blocks > 0 {
                #expect(try device.plug(block: blocks - 1) == .acknowledge)
            }
            #expect(device.configuredBlockSize == blockSize)
            for field in [16, 24, 32, 40, 48] as [UInt64] {
                #expect(device.field(field) % blockSize == 0, "field at \(field), \(blocks) blocks")
            }
        }
    }

    /// "The device MUST send a configuration update notification when changing usable_region_size or requested_size,
    /// except when processing an UNPLUG ALL request." And: "The device SHOULD NOT send a configuration update
    /// notification when changing plugged_size."
    @Test func onlyNewSizesAreAnnounced() throws {
        let device = try MemoryDeviceFixture(requested: Self.gibibyte)
        _ = device.host.takePulses()
        try device.setRequestedSize(6 * Self.gibibyte)
        #expect(device.host.takePulses() == 1)
        #expect(device.register(0x60) & 2 != 0, "for the configuration")
        device.setRegister(0x64, 3)
        for request in [{ try device.plug(block: 0, 9) }, { try device.unplug(block: 0) }, { try device.unplugAll() }] {
            #expect(try request() == .acknowledge)
            #expect(device.host.takePulses() == 1)
            #expect(device.register(0x60) == 1, "for the used buffer alone")
            device.setRegister(0x64, 3)
        }
    }

    /// A driver that reads a field of 64 bits in two halves knows by the generation whether they belong together
    /// (2.5.1).
    @Test func theGenerationCountsEveryChange() throws {
        let device = try MemoryDeviceFixture(region: 16 * Self.gibibyte, requested: 8 * Self.gibibyte)
        var seen: [UInt32] = [device.generation]
        func expectNewGeneration(_ comment: Comment) {
            #expect(!seen.contains(device.generation), comment)
            seen.append(device.generation)
        }
        try device.setRequestedSize(2 * Self.gibibyte)
        expectNewGeneration("requested size")
        _ = try device.plug(block: 0)
        expectNewGeneration("plug")
        _ = try device.unplug(block: 0)
        expectNewGeneration("unplug")
        _ = try device.unplugAll()
        expectNewGeneration("unplug all, with a new usable size")
        _ = try device.state(block: 0)
        _ = try device.plug(block: 0, 0)
        #expect(device.generation == seen.last, "nothing changed")
        _ = try device.plug(block: 0)
        expectNewGeneration("plug")
        try device.resetSystem()
        expectNewGeneration("unplugged by a reset of the system")
    }

    /// "All fields of this configuration are always available and read-only for the driver."
    @Test func theDriverCannotWriteThem() throws {
        let device = try MemoryDeviceFixture(starts: false)
        func fields() -> [UInt64] { (0..<7).map { device.field(UInt64(8 * $0)) } }
        let expected: [UInt64] = [2 << 20, 0, 4 << 30, 8 << 30, 2 << 30, 0, 1 << 30]
        #expect(fields() == expected, "before the driver is there, too")
        for offset in 0..<64 as Range<UInt64> {
            for size in [1, 2, 4, 8] {
                device.transport.write(offset: 0x100 + offset, size: size, value: .max)
            }
        }
        #expect(fields() == expected)
    }

    // MARK: Features

    @Test func theNodeIsOfferedWhereThereIsOne() throws {
        let ours: UInt64 = 0b111
        #expect(try MemoryDeviceFixture(node: nil, starts: false).offeredFeatures & ours == 0b10)
        let device = try MemoryDeviceFixture(node: 0, starts: false)
        #expect(device.offeredFeatures & ours == 0b11)
        #expect(device.node == 0)
        #expect(device.negotiate(MemoryDeviceFixture.features | 1))
    }

    /// "The device MUST NOT offer feature bits corresponding to features it would not support if accepted by the driver."
    /// What is not among these need not be done: suspending, resetting single queues, packed queues, queues in order,
    /// translated addresses, notifications with data, SR-IOV.
    @Test func exactlyTheseFeaturesAreOffered() throws {
        let transport: UInt64 = 1 << 28 | 1 << 29 | 1 << 32
        #expect(try MemoryDeviceFixture(starts: false).offeredFeatures == transport | 0b10)
        #expect(try MemoryDeviceFixture(node: 0, starts: false).offeredFeatures == transport | 0b11)
        #expect(try MemoryDeviceFixture(acceptsReaders: true, starts: false).offeredFeatures == transport | 0b10)
        let device = try MemoryDeviceFixture(node: 0, starts: false)
        for window in 2..<8 as Range<UInt32> {
            device.setRegister(0x14, window)
            #expect(device.register(0x10) == 0)
        }
    }

    /// "If a device has successfully negotiated a set of features at least once, then it SHOULD NOT fail re-negotiation
    /// of the same set of features after a device or system reset."
    @Test(arguments: [1 << 32, 1 << 32 | 0b10, 1 << 32 | 0b11, 1 << 32 | 1 << 28 | 1 << 29 | 0b01] as [UInt64])
    func whatWasNegotiatedOnceIsNegotiatedAgain(features: UInt64) throws {
        let device = try MemoryDeviceFixture(node: 0, acceptsReaders: true, starts: false)
        for round in 0..<6 {
            #expect(device.negotiate(features), "\(round)")
            if round.isMultiple(of: 2) { device.setRegister(0x70, 0) } else { device.transport.systemReset() }
        }
    }

    /// "A device MAY fail to operate further if VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE is not accepted."
    @Test func aDriverThatWouldReadUnpluggedMemoryIsTurnedAway() throws {
        let device = try MemoryDeviceFixture(node: 1, starts: false)
        for features in [1 << 32, 1 << 32 | 1] as [UInt64] {
            #expect(!device.negotiate(features))
            device.setRegister(0x70, 0)
        }
        #expect(device.negotiate())
    }

    // MARK: Resets

    /// "The device MUST NOT change the state of memory blocks during device reset." And: "The device MUST NOT modify
    /// memory or memory properties of plugged memory blocks during device reset."
    @Test func pluggedBlocksSurviveADeviceReset() throws {
        let device = try MemoryDeviceFixture()
        #expect(try device.plug(block: 3, 2) == .acknowledge)
        try device.memory.store(0x1234 as UInt64, at: GuestAddress(device.address(ofBlock: 4)))
        let live = device.slots.live
        try device.resetByDriver()
        #expect(device.pluggedSize == 4 * Self.mebibyte)
        #expect(try device.state(block: 3, 2) == .plugged)
        #expect(try device.state(block: 5) == .unplugged)
        #expect(try device.memory.loadUInt64(at: GuestAddress(device.address(ofBlock: 4))) == 0x1234)
        #expect(device.slots.live == live)
        #expect(try device.plug(block: 3) == .error, "plugged already")
    }

    /// "On initial start, and after a system reset, all memory blocks are unplugged."
    @Test func aSystemResetUnplugsEverything() throws {
        let device = try MemoryDeviceFixture()
        #expect(try device.state(block: 0, 512) == .unplugged)
        #expect(try device.plug(block: 3, 200) == .acknowledge)
        try device.memory.store(0x1234 as UInt64, at: GuestAddress(device.address(ofBlock: 4)))
        try device.resetSystem()
        #expect(device.pluggedSize == 0)
        #expect(device.requestedSize == Self.gibibyte)
        #expect(try device.state(block: 0, 512) == .unplugged)
        #expect(!device.isAccessible(block: 4))
        #expect(try device.plug(block: 4) == .acknowledge)
        #expect(try device.memory.loadUInt64(at: GuestAddress(device.address(ofBlock: 4))) == 0, "a clean start")
    }

    /// A host that can't hide the memory: blocks stay plugged, as the specification has it for corner cases, and the
    /// next driver unplugs them. What is plugged is within the usable region all the same.
    @Test func aSystemResetThatTheHostRefusesLeavesItToTheNextDriver() throws {
        var made: FaultyHost?
        let device = try MemoryDeviceFixture(region: 16 * Self.gibibyte, requested: 10 * Self.gibibyte) { region in
            made = FaultyHost(region)
            return made
        }
        let host = try #require(made)
        #expect(try device.plug(block: 5000, 3) == .acknowledge)
        try device.setRequestedSize(Self.gibibyte)
        host.fault = FaultyHost.Fault(calls: 0..<Int.max, errno: .noMemory)
        try device.resetSystem()
        #expect(device.pluggedSize == 6 * Self.mebibyte)
        #expect(device.usableSize == 12 * Self.gibibyte)
        #expect(try device.unplugAll() == .busy)
        host.fault = nil
        #expect(try device.unplugAll() == .acknowledge)
        #expect(device.pluggedSize == 0)
        #expect(device.usableSize == 2 * Self.gibibyte)
    }

    // MARK: Sizes that can't be

    @Test func sizesThatCannotBeAreRefusedAndChangeNothing() throws {
        let device = try MemoryDeviceFixture()
        let generation = device.generation
        #expect(throws: VirtioMemError.unaligned(requested: 3 * Self.mebibyte, blockSize: 2 * Self.mebibyte)) {
            try device.setRequestedSize(3 * Self.mebibyte)
        }
        for size in [8 * Self.gibibyte + 2 * Self.mebibyte, 1 << 63, UInt64.max & ~(2 * Self.mebibyte - 1)] {
            #expect(throws: VirtioMemError.tooLarge(requested: size, region: 8 * Self.gibibyte)) {
                try device.setRequestedSize(size)
            }
        }
        #expect(device.requestedSize == Self.gibibyte)
        #expect(device.usableSize == 2 * Self.gibibyte)
        #expect(device.generation == generation)
        #expect(throws: VirtioMemError.tooLarge(requested: 16 * Self.gibibyte, region: 8 * Self.gibibyte)) {
            try MemoryDeviceFixture(requested: 16 * Self.gibibyte)
        }
    }
}
