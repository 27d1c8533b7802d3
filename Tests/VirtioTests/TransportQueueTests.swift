import GuestMemory
import Testing

@testable import Virtio
@testable import VirtioTestSupport

/// Queues behind the registers of virtio-mmio.
@Suite struct TransportQueueTests {
    private let fixture: TransportFixture

    init() throws {
        fixture = try TransportFixture()
    }

    private func request(_ driver: FakeDriver) throws {
        try driver.memory.store(0x0403_0201 as UInt32, at: GuestAddress(0x18_0000))
        try driver.add([.readable(0x18_0000, 4), .writable(0x18_0100, 4)])
        try driver.publish()
    }

    @Test func queuesHaveTheDevicesSizes() {
        for (index, size) in [8, 256, 0, 0].enumerated() {
            fixture.write(.queueSelect, UInt32(index))
            #expect(fixture.read(.queueSizeMaximum) == UInt32(size))
        }
        fixture.write(.queueSelect, .max)
        #expect(fixture.read(.queueSizeMaximum) == 0)
        #expect(fixture.read(.queueReady) == 0)
    }

    @Test func aRequestIsProcessedAndAnnounced() throws {
        let driver = try fixture.start()
        try request(driver)
        #expect(fixture.transport.processQueue(0) == nil)
        #expect(try driver.takeUsed() == [FakeDriver.Used(head: 0, written: 4)])
        #expect(try driver.memory.loadUInt32(at: GuestAddress(0x18_0100)) == 0x0102_0304)
        #expect(fixture.read(.interruptStatus) == 1)
        #expect(fixture.host.takePulses() == 1)
        fixture.write(.interruptAcknowledge, 1)
        #expect(fixture.read(.interruptStatus) == 0)
        // Nothing new, nothing said.
        #expect(fixture.transport.processQueue(0) == nil)
        #expect(fixture.host.takePulses() == 0)
    }

    @Test func aDriverThatWantsNoInterruptGetsNone() throws {
        let driver = try fixture.start()
        try driver.setAvailableFlags(1)
        try request(driver)
        fixture.transport.processQueue(0)
        #expect(try driver.usedIndex == 1)
        #expect(fixture.read(.interruptStatus) == 0)
        #expect(fixture.host.takePulses() == 0)
    }

    @Test func notificationsAreForQueuesThatExist() {
        for value in [0, 1, 2, 0xffff, 0x10000, .max] as [UInt32] { fixture.write(.queueNotify, value) }
        #expect(fixture.host.takeNotifications() == [0, 1])
    }

    /// "The device MUST NOT consume buffers or send any used buffer notifications to the driver before DRIVER_OK."
    @Test func nothingIsProcessedBeforeTheDriverIsReady() throws {
        let driver = FakeDriver(memory: fixture.memory, setup: TestMemory.setup(size: 8))
        _ = try driver.makeQueue()
        fixture.negotiate()
        fixture.setUp(driver.setup)
        try request(driver)
        fixture.transport.processQueue(0)
        #expect(try driver.usedIndex == 0)
        #expect(fixture.events.isEmpty)
        fixture.write(.status, 15)
        // The notification that came too early is made up for.
        #expect(fixture.host.takeNotifications() == [0])
        fixture.transport.processQueue(0)
        #expect(try driver.usedIndex == 1)
    }

    @Test func aQueueCantBeReadyBeforeNegotiation() {
        fixture.write(.status, 1)
        fixture.write(.status, 3)
        fixture.setUp(TestMemory.setup(size: 8))
        #expect(fixture.read(.queueReady) == 0)
        fixture.negotiate()
        fixture.write(.queueReady, 1)
        #expect(fixture.read(.queueReady) == 1)
    }

    @Test func aReadyQueueCantBeChanged() throws {
        let driver = try fixture.start()
        for register in [
            MMIORegister.queueSize, .queueDescriptorsLow, .queueDescriptorsHigh, .queueDriverLow,
            .queueDriverHigh, .queueDeviceLow, .queueDeviceHigh,
        ] {
            fixture.write(register, 3)
        }
        for value in [1, 2, UInt32.max] { fixture.write(.queueReady, value) }
        #expect(fixture.read(.queueReady) == 1)
        try request(driver)
        fixture.transport.processQueue(0)
        #expect(try driver.usedIndex == 1)
        #expect(fixture.transport.failure == nil)
        // Stopped and started again it is the same: what was written meanwhile was ignored.
        fixture.write(.queueReady, 0)
        #expect(fixture.read(.queueReady) == 0)
        fixture.write(.queueReady, 1)
        #expect(fixture.read(.queueReady) == 1)
        #expect(fixture.transport.failure == nil)
    }

    /// "The device MUST NOT access virtqueue contents when QueueReady is zero."
    @Test func aStoppedQueueIsNotProcessed() throws {
        let driver = try fixture.start()
        fixture.write(.queueReady, 0)
        try request(driver)
        fixture.transport.processQueue(0)
        #expect(try driver.usedIndex == 0)
        #expect(fixture.events == [.activate(VirtioFeature.version1)])
    }

    @Test func queuesThatDoNotExistAreIgnored() {
        fixture.negotiate()
        fixture.setUp(TestMemory.setup(size: 8), queue: 2)
        fixture.setUp(TestMemory.setup(size: 8), queue: .max)
        fixture.write(.status, 15)
        #expect(fixture.read(.status) == 15)
        for index in [-1, 2, Int.max, .min] { #expect(fixture.transport.processQueue(index) == nil) }
    }

    @Test func addressesHaveSixtyFourBits() throws {
        let high: UInt64 = 0xffff_fff0_0000_0000
        fixture.negotiate()
        fixture.setUp(QueueSetup(size: 8, descriptorTable: high, availableRing: 0, usedRing: 0))
        #expect(fixture.transport.failure == .memory(.unmapped(GuestAddress(high), count: 128)))
    }

    @Test(arguments: [0, 3, 16, 0x10008] as [UInt32])
    func aBadSizeMakesTheDeviceNeedAReset(size: UInt32) throws {
        fixture.negotiate()
        fixture.write(.queueSize, size)
        fixture.write(.queueReady, 1)
        #expect(fixture.read(.queueReady) == 0)
        #expect(fixture.read(.status) == 11 | 64)
        #expect(fixture.transport.failure == .invalidSize(UInt16(exactly: size) ?? 0, maximum: 8))
        #expect(fixture.host.takePulses() == 0)
        // "If DRIVER_OK is set, after it sets DEVICE_NEEDS_RESET, the device MUST send a device configuration change
        // notification to the driver."
        fixture.write(.status, 15)
        #expect(fixture.read(.status) == 15 | 64)
        #expect(fixture.read(.interruptStatus) == 2)
        #expect(fixture.host.takePulses() == 1)
        fixture.write(.status, 0)
        #expect(fixture.read(.status) == 0)
        #expect(fixture.transport.failure == nil)
    }

    @Test func aBadChainMakesTheDeviceNeedAReset() throws {
        let driver = try fixture.start()
        try request(driver)
        try driver.offer(8)
        try driver.publish()
        #expect(fixture.transport.processQueue(0) == .descriptorIndexOutOfRange(8, size: 8))
        #expect(fixture.read(.status) == 15 | 64)
        #expect(fixture.read(.interruptStatus) & 2 == 2)
        #expect(fixture.host.takePulses() == 1)
        #expect(fixture.read(.queueReady) == 0)
        // Queues are left alone until the reset, and can't be made ready.
        fixture.write(.queueReady, 1)
        #expect(fixture.read(.queueReady) == 0)
        #expect(fixture.transport.processQueue(0) == nil)
        #expect(fixture.host.takePulses() == 0)

        fixture.write(.status, 0)
        #expect(fixture.read(.interruptStatus) == 0)
        let next = try fixture.start()
        try request(next)
        #expect(fixture.transport.processQueue(0) == nil)
        #expect(try next.usedIndex == 1)
    }

    /// "A device MUST NOT send notifications or interact with the queues after indicating completion of the reset."
    @Test func aResetEndsEverything() throws {
        let driver = try fixture.start()
        try request(driver)
        fixture.transport.processQueue(0)
        fixture.transport.configurationChanged()
        #expect(fixture.read(.interruptStatus) == 3)
        try request(driver)
        fixture.write(.status, 0)
        #expect(fixture.read(.interruptStatus) == 0)
        #expect(fixture.read(.queueReady) == 0)
        _ = fixture.host.takePulses()
        fixture.transport.processQueue(0)
        #expect(try driver.usedIndex == 1)
        fixture.transport.configurationChanged()
        #expect(fixture.read(.interruptStatus) == 0)
        #expect(fixture.host.takePulses() == 0)
        #expect(fixture.offeredFeatures == 0b11 | 1 << 28 | 1 << 29 | 1 << 32)
    }

    @Test func aSystemResetIsAReset() throws {
        let driver = try fixture.start()
        try request(driver)
        fixture.transport.processQueue(0)
        fixture.transport.systemReset()
        #expect(fixture.read(.status) == 0)
        #expect(fixture.read(.interruptStatus) == 0)
        #expect(fixture.read(.queueReady) == 0)
        #expect(fixture.events == [.activate(VirtioFeature.version1), .process(0), .systemReset])
        let next = try fixture.start()
        try request(next)
        fixture.transport.processQueue(0)
        #expect(try next.usedIndex == 1)
    }

    @Test func aQueueThatIsKeptFullGetsAnotherTurn() throws {
        let driver = try fixture.start()
        for _ in 0..<4 { try request(driver) }
        let memory = fixture.memory
        fixture.transport.withQueue(0) { (device, queue) throws(VirtqueueError) in
            // The driver offers each chain again while the device works on the next.
            let driver = FakeDriver(memory: memory, setup: TestMemory.setup(size: 8), index: 4)
            while let chain = try queue.nextChain() {
                try device.answer(chain, queue)
                try? driver.offer(chain.head)
                _ = try? driver.publish()
            }
        }
        #expect(fixture.transport.withDevice { $0.completed } == 8)
        #expect(fixture.host.takeNotifications() == [0])
        fixture.transport.processQueue(0)
        #expect(fixture.transport.withDevice { $0.completed } == 12)
        #expect(fixture.host.takeNotifications() == [])
        #expect(try driver.usedIndex == 12)
    }

    @Test func chainsCanBeCompletedLater() throws {
        let driver = try fixture.start()
        fixture.transport.withDevice { $0.keeps = 1 }
        try request(driver)
        try request(driver)
        fixture.transport.processQueue(0)
        #expect(fixture.host.takePulses() == 0)
        #expect(try driver.usedIndex == 0)
        let failure = fixture.transport.withQueue(0) { (device, queue) throws(VirtqueueError) in
            try device.answer(device.kept.removeFirst(), queue)
            try device.process(queue: 0, queue)
        }
        #expect(failure == nil)
        #expect(fixture.host.takePulses() == 1)
        #expect(try driver.takeUsed().count == 2)
    }

    @Test(arguments: [MMIORegister.status, .queueReady])
    func chainsOfAQueueThatIsGoneAreDropped(register: MMIORegister) throws {
        let driver = try fixture.start()
        fixture.transport.withDevice { $0.keeps = 1 }
        try request(driver)
        fixture.transport.processQueue(0)
        fixture.write(register, 0)
        fixture.transport.withQueue(0) { (_, _) in Issue.record("there is no queue") }
        let next = register == .status ? try fixture.start() : driver
        if register == .queueReady {
            _ = try driver.makeQueue()
            fixture.write(.queueReady, 1)
        }
        let failure = fixture.transport.withQueue(0) { (device, queue) throws(VirtqueueError) in
            let chain = device.kept.removeFirst()
            try queue.store(0x55 as UInt8, at: 0, of: chain)
            try queue.complete(chain, written: 1)
        }
        #expect(failure == nil)
        #expect(fixture.read(.status) == 15)
        #expect(try next.usedIndex == 0)
        #expect(try fixture.memory.loadUInt8(at: GuestAddress(0x18_0100)) == 0)
        #expect(fixture.host.takePulses() == 0)
    }

    @Test func withDevicePassesResultsAndErrorsOn() {
        struct Refused: Error {}
        #expect(fixture.transport.withDevice { $0.deviceID } == 24)
        #expect(throws: Refused.self) {
            try fixture.transport.withDevice { (_) throws(Refused) in throw Refused() }
        }
    }
}
