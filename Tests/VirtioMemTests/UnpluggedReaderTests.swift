import GuestMemory
import Host
import TestSupport
import Testing

@testable import VirtioMem

/// Drivers that do not negotiate VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE may read unplugged blocks of the usable region
/// (virtio specification, 5.15.6.2), where they are accepted.
@Suite struct UnpluggedReaderTests {
    private static let mebibyte = MemoryDeviceFixture.mebibyte
    private static let gibibyte = MemoryDeviceFixture.gibibyte
    private static let legacy: UInt64 = 1 << 32

    private let device: MemoryDeviceFixture

    init() throws {
        device = try MemoryDeviceFixture(acceptsReaders: true, starts: false)
    }

    private func read(block: UInt64) -> UInt64? {
        try? device.memory.loadUInt64(at: GuestAddress(device.address(ofBlock: block)))
    }

    @Test func theFeatureIsOfferedAllTheSame() {
        #expect(device.offeredFeatures & 0b10 != 0)
    }

    /// "If VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE has not been negotiated, the device MUST allow the driver to read memory
    /// [...] of unplugged memory blocks inside usable_region_size via the CPU."
    @Test func aReaderReadsZeroesInTheUsableRegion() throws {
        #expect(read(block: 0) == nil, "nobody asked yet")
        device.start(features: Self.legacy)
        #expect(device.usableSize == 2 * Self.gibibyte)
        for block in [0, 511, 1023] as [UInt64] { #expect(read(block: block) == 0) }
        #expect(read(block: 1024) == nil, "not usable")
        #expect(throws: GuestMemoryError.self, "nothing can be written") {
            try device.memory.store(1 as UInt64, at: GuestAddress(device.address(ofBlock: 5)))
        }

        #expect(try device.plug(block: 5) == .acknowledge)
        try device.memory.store(7 as UInt64, at: GuestAddress(device.address(ofBlock: 5)))
        #expect(try device.unplug(block: 5) == .acknowledge)
        #expect(read(block: 5) == 0)
    }

    @Test func whatIsReadableFollowsTheUsableRegion() throws {
        device.start(features: Self.legacy)
        try device.setRequestedSize(4 * Self.gibibyte)
        #expect(device.usableSize == 6 * Self.gibibyte)
        #expect(read(block: 3071) == 0)
        #expect(read(block: 3072) == nil)
        try device.setRequestedSize(0)
        #expect(read(block: 3071) == 0, "it is still usable")
        #expect(try device.unplugAll() == .acknowledge)
        #expect(device.usableSize == 2 * Self.gibibyte)
        #expect(read(block: 1023) == 0)
        #expect(read(block: 1024) == nil)
    }

    @Test func aResetEndsIt() throws {
        device.start(features: Self.legacy)
        #expect(try device.plug(block: 5) == .acknowledge)
        device.setRegister(0x70, 0)
        #expect(read(block: 4) == nil)
        #expect(read(block: 5) == 0, "what is plugged stays")
        try device.resetByDriver()
        #expect(read(block: 4) == nil, "this driver leaves it alone")
        try device.resetSystem(features: Self.legacy)
        #expect(read(block: 5) == 0)
        try device.resetSystem()
        #expect(read(block: 5) == nil)
    }

    /// A host that can't do it has the driver refused, and the size left as it was.
    @Test func theHostMayRefuse() throws {
        var made: FaultyHost?
        let device = try MemoryDeviceFixture(acceptsReaders: true, starts: false) { region in
            made = FaultyHost(region)
            return made
        }
        let host = try #require(made)
        let refusal = FaultyHost.Fault(calls: 0..<Int.max, errno: .noMemory)
        host.fault = refusal
        #expect(!device.negotiate(Self.legacy))
        #expect(device.transport.driver == .refused(features: Self.legacy))
        #expect(device.transport.withDevice { $0.refusal } == .host(SystemCallError("mprotect", .noMemory)))
        device.setRegister(0x70, 0)

        host.fault = nil
        device.start(features: Self.legacy)
        host.fault = refusal
        #expect(throws: VirtioMemError.unreadable(.host(SystemCallError("mprotect", .noMemory)))) {
            try device.setRequestedSize(4 * Self.gibibyte)
        }
        #expect(device.requestedSize == Self.gibibyte)
        #expect(device.usableSize == 2 * Self.gibibyte)
        host.fault = nil
        try device.setRequestedSize(4 * Self.gibibyte)
        #expect(device.usableSize == 6 * Self.gibibyte)
    }
}
