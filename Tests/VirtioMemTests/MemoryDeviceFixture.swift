import GuestMemory
import TestSupport
import Testing
import Virtio

@testable import VirtioMem
@testable import VirtioTestSupport

/// A memory device on its transport, over memory of this process, and what a driver does with it.
final class MemoryDeviceFixture {
    static let mebibyte: UInt64 = 1 << 20
    static let gibibyte: UInt64 = 1 << 30
    static let start: UInt64 = 4 * gibibyte
    /// What a memory slot covers, unless a block is larger.
    static let slotSize = 128 * mebibyte
    /// VIRTIO_F_VERSION_1 and VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE.
    static let features: UInt64 = 1 << 32 | 1 << 1

    /// What a device answered.
    struct Answer: Equatable, CustomStringConvertible {
        /// VIRTIO_MEM_RESP_ACK, _NACK, _BUSY or _ERROR.
        let type: UInt16
        /// VIRTIO_MEM_STATE_PLUGGED, _UNPLUGGED or _MIXED.
        let state: UInt16

        static let acknowledge = Answer(type: 0, state: 0)
        static let negativeAcknowledge = Answer(type: 1, state: 0)
        static let busy = Answer(type: 2, state: 0)
        static let error = Answer(type: 3, state: 0)
        static let plugged = Answer(type: 0, state: 0)
        static let unplugged = Answer(type: 0, state: 1)
        static let mixed = Answer(type: 0, state: 2)

        var description: String { "\(["ACK", "NACK", "BUSY", "ERROR"][Int(type)]) \(state)" }
    }

    let slots = FakeMemorySlots()
    let host = RecordingHost()
    let memory: GuestMemory
    let transport: VirtioMMIOTransport<VirtioMemDevice>
    let blockSize: UInt64
    let regionSize: UInt64
    private let driver: RequestDriver

    /// - Parameters:
    ///   - starts: whether the driver gets as far as DRIVER_OK.
    ///   - makeHost: makes what the region's memory is changed by, where that is not the region itself.
    init(
        region regionSize: UInt64 = 8 * gibibyte, blockSize: UInt64 = 2 * mebibyte, requested: UInt64 = gibibyte,
        node: UInt16? = nil, acceptsReaders: Bool = false, starts: Bool = true,
        makeHost: (GuestMemoryRegion) -> (any HostMemory)? = { _ in nil }
    ) throws {
        driver = try RequestDriver()
        let region = try GuestMemoryRegion(name: "vm0", start: GuestAddress(Self.start), size: regionSize)
        memory = GuestMemory(regions: driver.memory.regions + [region])
        let elastic = try ElasticRegion(
            region, blockSize: blockSize, slotSize: max(Self.slotSize, blockSize), host: makeHost(region))
        self.blockSize = blockSize
        self.regionSize = regionSize
        transport = VirtioMMIOTransport(
            device: try VirtioMemDevice(
                region: elastic, requestedSize: requested, node: node, acceptsReaders: acceptsReaders),
            memory: memory, interruptLine: host, notifier: host)
        transport.withDevice { $0.region.connect(to: slots) }
        if starts {
            start()
        }
    }

    // MARK: Registers

    func register(_ offset: UInt64) -> UInt32 {
        UInt32(transport.read(offset: offset, size: 4))
    }

    func setRegister(_ offset: UInt64, _ value: UInt32) {
        transport.write(offset: offset, size: 4, value: UInt64(value))
    }

    /// Negotiates features; whether FEATURES_OK stays set says whether the device works with them.
    func negotiate(_ features: UInt64 = features) -> Bool {
        setRegister(0x70, 1)
        setRegister(0x70, 3)
        setRegister(0x24, 0)
        setRegister(0x20, UInt32(truncatingIfNeeded: features))
        setRegister(0x24, 1)
        setRegister(0x20, UInt32(features >> 32))
        setRegister(0x70, 11)
        return register(0x70) & 8 != 0
    }

    /// All that a driver does until DRIVER_OK.
    func start(features: UInt64 = features) {
        _ = negotiate(features)
        let setup = RequestDriver.setup
        setRegister(0x30, 0)
        setRegister(0x38, UInt32(setup.size))
        setRegister(0x80, UInt32(setup.descriptorTable))
        setRegister(0x90, UInt32(setup.availableRing))
        setRegister(0xA0, UInt32(setup.usedRing))
        setRegister(0x44, 1)
        setRegister(0x70, 15)
    }

    /// Resets the device, as a driver does, and starts again.
    func resetByDriver(features: UInt64 = features) throws {
        setRegister(0x70, 0)
        try driver.forget()
        start(features: features)
    }

    /// Resets the machine; the driver starts again.
    func resetSystem(features: UInt64 = features) throws {
        transport.systemReset()
        try driver.forget()
        start(features: features)
    }

    var offeredFeatures: UInt64 {
        setRegister(0x14, 0)
        let low = register(0x10)
        setRegister(0x14, 1)
        return UInt64(register(0x10)) << 32 | UInt64(low)
    }

    var generation: UInt32 { register(0xFC) }

    // MARK: Configuration space

    func field(_ offset: UInt64) -> UInt64 {
        transport.read(offset: 0x100 + offset, size: 8)
    }

    var configuredBlockSize: UInt64 { field(0) }
    var node: UInt64 { field(8) }
    var address: UInt64 { field(16) }
    var configuredRegionSize: UInt64 { field(24) }
    var usableSize: UInt64 { field(32) }
    var pluggedSize: UInt64 { field(40) }
    var requestedSize: UInt64 { field(48) }

    /// Changes the requested size, as the machine does.
    func setRequestedSize(_ size: UInt64) throws {
        try transport.withDevice { (device) throws(VirtioMemError) in try device.setRequestedSize(size) }
        transport.configurationChanged()
    }

    // MARK: Requests

    /// The guest-physical address of a block.
    func address(ofBlock block: UInt64) -> UInt64 {
        Self.start + block * blockSize
    }

    /// Sends bytes, and returns the answer to them.
    ///
    /// - Parameters:
    ///   - cut: the sizes of the descriptors for the request; one for all by default.
    ///   - responseCut: the sizes of those for the response.
    func send(_ bytes: [UInt8], cut: [UInt32]? = nil, responseCut: [UInt32] = [10]) throws -> Answer {
        try driver.send(bytes, cut: cut, responseCut: responseCut)
        let before = try driver.completed
        #expect(transport.processQueue(0) == nil)
        #expect(try driver.completed == before &+ 1)
        let (response, written) = try driver.response()
        #expect(written == 10)
        #expect(response[2..<8].allSatisfy { $0 == 0 })
        return Answer(
            type: UInt16(response[0]) | UInt16(response[1]) << 8, state: UInt16(response[8]) | UInt16(response[9]) << 8)
    }

    /// Sends what is no request, or leaves no room for a response.
    ///
    /// - Returns: what was wrong with it.
    func sendMalformed(_ bytes: [UInt8], cut: [UInt32], responseCut: [UInt32]) throws -> VirtqueueError? {
        try driver.send(bytes, cut: cut, responseCut: responseCut)
        let failure = transport.processQueue(0)
        #expect(try driver.completed == 0)
        return failure
    }

    /// Sends a request, and returns what the device may not write, as it was before and as it is then.
    func sendComparing(_ bytes: [UInt8]) throws -> (before: [UInt8], after: [UInt8]) {
        try driver.send(bytes)
        let before = try driver.readableBytes
        #expect(transport.processQueue(0) == nil)
        return (before, try driver.readableBytes)
    }

    func plug(_ address: UInt64, _ count: UInt16) throws -> Answer {
        try send(RequestDriver.request(type: 0, address: address, blockCount: count))
    }

    func unplug(_ address: UInt64, _ count: UInt16) throws -> Answer {
        try send(RequestDriver.request(type: 1, address: address, blockCount: count))
    }

    func unplugAll() throws -> Answer {
        try send(RequestDriver.request(type: 2))
    }

    func state(_ address: UInt64, _ count: UInt16) throws -> Answer {
        try send(RequestDriver.request(type: 3, address: address, blockCount: count))
    }

    func plug(block: UInt64, _ count: UInt16 = 1) throws -> Answer { try plug(address(ofBlock: block), count) }

    func unplug(block: UInt64, _ count: UInt16 = 1) throws -> Answer { try unplug(address(ofBlock: block), count) }

    func state(block: UInt64, _ count: UInt16 = 1) throws -> Answer { try state(address(ofBlock: block), count) }

    /// Whether the memory of a block can be reached.
    func isAccessible(block: UInt64) -> Bool {
        (try? memory.loadUInt8(at: GuestAddress(address(ofBlock: block)))) != nil
    }
}
