import Configuration
import GuestMemory
import Host
import Synchronization
import Testing

@testable import Devices
@testable import DiskTestSupport
@testable import Machine
@testable import Virtio
@testable import VirtioTestSupport

/// A disk on an event loop.
struct DiskUnitTests {
    private let loop: EventLoop
    private let engine: FakeDiskEngine
    private let unit: DiskUnit
    private let driver: BlockDriver
    private let pulses = Pulses()

    private final class Pulses: Sendable {
        let count = Atomic<Int>(0)
    }

    init() throws {
        loop = try EventLoop()
        engine = try FakeDiskEngine()
        let memory = try TestMemory.make()
        let window = try MachineConfiguration().validated().virtioWindows[0]
        unit = try DiskUnit(
            VirtioBlockConfiguration(size: 1 << 20, queueSize: 64), file: OwnedFileDescriptor(memoryFile: "disk"),
            window: window, memory: memory, loop: loop,
            warnings: DeviceWarnings(about: "disk", loop: loop, events: { _ in })
        ) { [engine] in engine }
        unit.unit.interrupt.connect { [pulses] in pulses.count.add(1, ordering: .relaxed) }
        driver = try BlockDriver(
            DeviceFixture(unit.unit.transport, memory: memory), features: VirtioFeature.version1 | BlockDriver.flush,
            size: 64)
    }

    private func turn(milliseconds: UInt64) throws -> Int {
        loop.schedule(afterMilliseconds: milliseconds) { [loop] in loop.stop() }
        try loop.run()
        return pulses.count.exchange(0, ordering: .relaxed)
    }

    /// Nothing else comes that would have the driver told of what waits for others.
    @Test func theDriverIsToldInTimeWhenTheDiskGetsStuck() throws {
        for number in 0..<16 as Range<UInt64> { try driver.add(4, number: number) }
        try driver.driver.publish()
        unit.unit.queues.notify(queue: 0)
        // Each may wait for 25 ms then, or more.
        #expect(try turn(milliseconds: 100) == 0)
        engine.finish(0, 0)
        #expect(try turn(milliseconds: 5) == 0)
        #expect(try driver.status() == 0, "it is done")
        #expect(try turn(milliseconds: 200) == 1)
    }

    @Test func aRequestAloneIsToldOfAtOnce() throws {
        try driver.add(4)
        try driver.driver.publish()
        unit.unit.queues.notify(queue: 0)
        #expect(try turn(milliseconds: 100) == 0)
        engine.finish(0, 0)
        #expect(try turn(milliseconds: 5) == 1)
    }
}
