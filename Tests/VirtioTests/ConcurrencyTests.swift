import Foundation
import GuestMemory
import Synchronization
import Testing

@testable import Virtio
@testable import VirtioTestSupport

/// A driver and a device on threads of their own: no request may be forgotten between them, though either tells the other
/// only when it is asked to.
@Suite struct ConcurrencyTests {
    /// With two descriptors one request is under way at a time, and nothing that comes later makes up for what is lost.
    @Test(arguments: [VirtioFeature.version1, VirtioFeature.version1 | VirtioFeature.eventIndex], [2, 8] as [UInt16])
    func noNotificationAndNoInterruptIsLost(features: UInt64, size: UInt16) throws {
        let fixture = try TransportFixture()
        _ = try fixture.start(features: features, size: size)
        let transport = fixture.transport
        let memory = fixture.memory
        let host = fixture.host
        let device = DeviceThread(transport: transport, host: host)
        Thread.detachNewThread { device.run() }
        defer { device.stop() }
        let requests = 3000

        let driver = FakeDriver(memory: memory, setup: TestMemory.setup(size: size), features: features)
        try memory.store(0x0403_0201 as UInt32, at: GuestAddress(0x18_0000))
        var sent = 0
        var done = 0
        while done < requests {
            while sent < requests, try driver.add([.readable(0x18_0000, 4), .writable(0x18_0100, 4)]) != nil {
                sent += 1
                if try driver.publish() { fixture.write(.queueNotify, 0) }
            }
            // Hurry now and then, so that the next request meets the device as it finds the ring empty.
            for _ in 0..<(done % 3 * 1000) where try driver.usedIndex == driver.seen {}
            try driver.askForInterrupt()
            if try driver.usedIndex == driver.seen {
                let deadline = ContinuousClock.now + .seconds(30)
                while host.takePulses() == 0 {
                    try #require(ContinuousClock.now < deadline, "lost after \(done) of \(sent)")
                    sched_yield()
                }
                fixture.write(.interruptAcknowledge, fixture.read(.interruptStatus))
            }
            try driver.refuseInterrupts()
            // "The device MUST set len prior to updating the used idx", and must have written that much by then.
            let used = try driver.takeUsed()
            done += used.count
            try #require(used.allSatisfy { $0.written == 4 })
            try #require(try used.isEmpty || memory.loadUInt32(at: GuestAddress(0x18_0100)) == 0x0102_0304)
        }
        #expect(transport.failure == nil)
        #expect(transport.withDevice { $0.completed } == requests)
    }
}

/// The thread that processes queues.
private final class DeviceThread: Sendable {
    private let transport: VirtioMMIOTransport<RecordingDevice>
    private let host: RecordingHost
    private let isStopping = Atomic<Bool>(false)

    init(transport: VirtioMMIOTransport<RecordingDevice>, host: RecordingHost) {
        self.transport = transport
        self.host = host
    }

    func run() {
        while !isStopping.load(ordering: .relaxed) {
            let queues = host.takeNotifications()
            for index in queues { transport.processQueue(index) }
            if queues.isEmpty { sched_yield() }
        }
    }

    func stop() {
        isStopping.store(true, ordering: .relaxed)
    }
}

extension FakeDriver {
    /// Asks for an interrupt with the next completed chain; the ring has to be looked at again after it.
    fileprivate func askForInterrupt() throws {
        if usesEventIndex { try setUsedEvent(seen) } else { try setAvailableFlags(0) }
        guestMemoryBarrier()
    }

    fileprivate func refuseInterrupts() throws {
        if !usesEventIndex { try setAvailableFlags(1) }
    }
}
