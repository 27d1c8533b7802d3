import GuestMemory
import Testing

@testable import Virtio
@testable import VirtioTestSupport

/// Devices whose queues somebody else serves: where they are is told, and when they go.
@Suite struct ServedElsewhereTests {
    private struct ElsewhereDevice: VirtioDevice {
        enum Event: Equatable {
            case activate([QueueSetup?])
            case stop(Int)
            case reset
        }

        let deviceID: UInt32 = 26
        let features: UInt64 = 0
        let queueSizes: [UInt16] = [8, 8]
        let queueFeatures = VirtioFeature.version1
        let isServedElsewhere = true
        var breakdown: VirtqueueError?
        var events: [Event] = []

        mutating func activate(features: UInt64, queues: [QueueSetup?]) { events.append(.activate(queues)) }

        mutating func stop(queue index: Int) { events.append(.stop(index)) }

        mutating func reset() { events.append(.reset) }

        mutating func process(queue index: Int, _ queue: SplitQueue) throws(VirtqueueError) {}
    }

    private let fixture: DeviceFixture<ElsewhereDevice>

    init() throws {
        fixture = try DeviceFixture(ElsewhereDevice())
    }

    private var events: [ElsewhereDevice.Event] {
        fixture.transport.withDevice { device in
            defer { device.events = [] }
            return device.events
        }
    }

    @Test func onlyFeaturesOfThoseQueuesAreOffered() {
        #expect(fixture.offeredFeatures == VirtioFeature.version1)
    }

    @Test func queuesAreToldWhenTheDriverIsReady() throws {
        _ = try fixture.start()
        #expect(events == [.activate([TestMemory.setup(size: 8), nil])])
        fixture.write(.status, 0)
        #expect(events == [.reset])
    }

    @Test func aQueueThatIsTakenAwayIsStopped() throws {
        _ = try fixture.start()
        _ = events
        fixture.write(.queueSelect, 0)
        fixture.write(.queueReady, 0)
        fixture.write(.queueReady, 0)
        #expect(events == [.stop(0)])
        // One that was not there is none.
        fixture.write(.queueSelect, 1)
        fixture.write(.queueReady, 0)
        #expect(events.isEmpty)
    }

    @Test func interruptsAlwaysTellOfUsedBuffers() throws {
        _ = try fixture.start()
        #expect(fixture.read(.interruptStatus) == 1)
        fixture.write(.interruptAcknowledge, 3)
        #expect(fixture.read(.interruptStatus) == 1)
        fixture.transport.configurationChanged()
        #expect(fixture.read(.interruptStatus) == 3)
    }

    @Test func whoCannotGoOnNeedsAReset() throws {
        #expect(!fixture.transport.breakDown(.unserved))
        _ = try fixture.start()
        _ = (events, fixture.host.takePulses(), fixture.host.takeDriverChanges())
        #expect(fixture.transport.breakDown(.unserved))
        #expect(!fixture.transport.breakDown(.unserved))
        #expect(events == [.stop(0)])
        #expect(fixture.read(.status) == 15 | 64)
        #expect(fixture.read(.interruptStatus) == 3)
        #expect(fixture.host.takePulses() == 1 && fixture.host.takeDriverChanges() == 1)
        fixture.write(.status, 0)
        #expect(fixture.transport.failure == nil)
    }

    @Test func whoCannotBeginNeedsAResetAtOnce() throws {
        fixture.transport.withDevice { $0.breakdown = .unserved }
        _ = try fixture.start()
        #expect(fixture.transport.failure == .unserved)
        #expect(fixture.read(.status) == 15 | 64)
        #expect(fixture.host.takePulses() == 1)
    }
}
