import GuestMemory
import Testing

@testable import Virtio
@testable import VirtioTestSupport

/// Used ring, interrupts and notifications (virtio specification, 2.7.7 to 2.7.14).
@Suite struct NotificationTests {
    private let memory: GuestMemory

    init() throws {
        memory = try TestMemory.make()
    }

    private func make(_ features: UInt64) throws -> (FakeDriver, SplitQueue) {
        let driver = FakeDriver(memory: memory, setup: TestMemory.setup(size: 8), features: features)
        return (driver, try driver.makeQueue())
    }

    /// Sends a request through the queue, without looking for a second one behind it.
    private func roundTrip(_ driver: FakeDriver, _ queue: SplitQueue) throws {
        try driver.add([.writable(TestMemory.free, 8)])
        try driver.publish()
        let chain = try #require(try queue.nextChain())
        try queue.complete(chain, written: 0)
        _ = try driver.takeUsed()
    }

    @Test func completedChainsGoIntoTheUsedRing() throws {
        let (driver, queue) = try make(0)
        var expected: [FakeDriver.Used] = []
        for written in [0, 10, UInt32.max] {
            let head = try #require(try driver.add([.writable(TestMemory.free, 8)]))
            expected.append(FakeDriver.Used(head: UInt32(head), written: written))
        }
        try driver.publish()
        var chains: [DescriptorChain] = []
        while let chain = try queue.nextChain() { chains.append(chain) }
        #expect(try driver.usedIndex == 0)
        // In any order.
        for index in [2, 0, 1] { try queue.complete(chains[index], written: expected[index].written) }
        #expect(try driver.takeUsed() == [expected[2], expected[0], expected[1]])
    }

    @Test(arguments: [0, VirtioFeature.eventIndex])
    func indicesWrapAround(features: UInt64) throws {
        let (driver, queue) = try make(features)
        for number in 0..<70000 {
            try driver.setUsedEvent(UInt16(truncatingIfNeeded: number))
            try roundTrip(driver, queue)
            #expect(try queue.needsInterrupt())
            #expect(try queue.nextChain() == nil)
            if features != 0 {
                #expect(try driver.availableEvent == UInt16(truncatingIfNeeded: number + 1))
            }
        }
        #expect(try driver.usedIndex == UInt16(truncatingIfNeeded: 70000))
    }

    @Test func withoutTheEventIndexFlagsDecideAboutInterrupts() throws {
        let (driver, queue) = try make(0)
        #expect(try !queue.needsInterrupt())
        // "The device MUST ignore the used_event value."
        try driver.setUsedEvent(100)
        try roundTrip(driver, queue)
        #expect(try queue.needsInterrupt())
        #expect(try !queue.needsInterrupt(), "nothing was completed since")
        try driver.setAvailableFlags(1)
        try roundTrip(driver, queue)
        #expect(try !queue.needsInterrupt())
        try driver.setAvailableFlags(0)
        #expect(try !queue.needsInterrupt(), "nothing was completed since")
    }

    @Test func withTheEventIndexItDecidesAboutInterrupts() throws {
        let (driver, queue) = try make(VirtioFeature.eventIndex)
        // "The device MUST ignore the lower bit of flags."
        try driver.setAvailableFlags(1)
        try driver.setUsedEvent(0)
        try roundTrip(driver, queue)
        #expect(try queue.needsInterrupt())
        try driver.setUsedEvent(3)
        try roundTrip(driver, queue)
        #expect(try !queue.needsInterrupt())
        try roundTrip(driver, queue)
        #expect(try !queue.needsInterrupt())
        try roundTrip(driver, queue)
        #expect(try queue.needsInterrupt())
        // Passed with others before and behind it.
        try driver.setUsedEvent(5)
        for _ in 0..<4 { try roundTrip(driver, queue) }
        #expect(try queue.needsInterrupt())
        // Far in the past.
        for _ in 0..<4 { try roundTrip(driver, queue) }
        #expect(try !queue.needsInterrupt())
    }

    @Test func anEventIndexAcrossTheWrapCounts() throws {
        let (driver, queue) = try make(VirtioFeature.eventIndex)
        for _ in 0..<65533 { try roundTrip(driver, queue) }
        try driver.setUsedEvent(65535)
        #expect(try !queue.needsInterrupt())
        for _ in 0..<2 { try roundTrip(driver, queue) }
        #expect(try !queue.needsInterrupt())
        for _ in 0..<2 { try roundTrip(driver, queue) }
        #expect(try queue.needsInterrupt())
    }

    @Test func moreThanAllIndicesAtOnceIsAnInterrupt() throws {
        let (driver, queue) = try make(VirtioFeature.eventIndex)
        for _ in 0..<65600 { try roundTrip(driver, queue) }
        try driver.setUsedEvent(12345)
        #expect(try queue.needsInterrupt())
    }

    @Test func withoutTheEventIndexFlagsAskForNotifications() throws {
        let (driver, queue) = try make(0)
        #expect(try driver.usedFlags == 0)
        try driver.add([.writable(TestMemory.free, 8)])
        #expect(try driver.publish())
        #expect(try queue.nextChain() != nil)
        #expect(try driver.usedFlags == 1)
        try driver.add([.writable(TestMemory.free, 8)])
        #expect(try !driver.publish(), "the device is at work")
        #expect(try queue.nextChain() != nil)
        #expect(try queue.nextChain() == nil)
        #expect(try driver.usedFlags == 0)
        try driver.add([.writable(TestMemory.free, 8)])
        #expect(try driver.publish())
    }

    @Test func withTheEventIndexItAsksForNotifications() throws {
        let (driver, queue) = try make(VirtioFeature.eventIndex)
        try driver.add([.writable(TestMemory.free, 8)])
        #expect(try driver.publish())
        #expect(try queue.nextChain() != nil)
        try driver.add([.writable(TestMemory.free, 8)])
        #expect(try !driver.publish(), "the device is at work")
        #expect(try queue.nextChain() != nil)
        #expect(try queue.nextChain() == nil)
        #expect(try driver.availableEvent == 2)
        // "The device MUST set flags to 0."
        #expect(try driver.usedFlags == 0)
        try driver.add([.writable(TestMemory.free, 8)])
        #expect(try driver.publish())
    }

    /// "The device MUST handle spurious notifications from the driver."
    @Test func lookingAgainForNothingIsHarmless() throws {
        let (_, queue) = try make(VirtioFeature.eventIndex)
        for _ in 0..<3 {
            #expect(try queue.nextChain() == nil)
            #expect(try !queue.needsInterrupt())
        }
    }

    /// The driver may add a chain after the device found none and before it asked for a notification: the device looks
    /// again. Here its asking is what changes the available index, because the rings overlap.
    @Test func theRingIsLookedAtAgainAfterAskingForANotification() throws {
        var setup = TestMemory.setup(size: 8)
        // The flags of the used ring are the index of the available one.
        setup.usedRing = setup.availableRing + 4
        setup.availableRing += 2
        let driver = FakeDriver(memory: memory, setup: setup)
        let queue = try driver.makeQueue()
        try driver.add([.writable(TestMemory.free, 8)])
        try driver.publish()
        // Suppressing notifications sets the index to 1, which it is already; asking for them sets it to 0.
        #expect(try queue.nextChain() != nil)
        #expect(throws: VirtqueueError.availableIndexOutOfRange(0, taken: 1, size: 8)) { try queue.nextChain() }
    }
}
