import GuestMemory
import Testing

@testable import Virtio
@testable import VirtioTestSupport

/// How far a driver is, for people, and that somebody is told when that changes.
@Suite struct DriverStateTests {
    private let fixture: TransportFixture

    init() throws {
        fixture = try TransportFixture(RecordingDevice(refused: 0b10))
    }

    private func expect(
        _ state: DriverState, changes: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(fixture.transport.driver == state, sourceLocation: sourceLocation)
        #expect(fixture.host.takeDriverChanges() == changes, sourceLocation: sourceLocation)
    }

    @Test func theStateFollowsTheDriver() throws {
        expect(.absent, changes: 0)
        fixture.write(.status, 1)
        expect(.absent, changes: 0)
        fixture.write(.status, 3)
        expect(.starting, changes: 1)
        _ = try fixture.start()
        expect(.running(features: VirtioFeature.version1), changes: 1)
        fixture.write(.status, 0)
        expect(.absent, changes: 1)
        fixture.write(.status, 0)
        expect(.absent, changes: 0)
        fixture.negotiate()
        fixture.write(.status, 11 | 128)
        expect(.failed, changes: 2)
        fixture.transport.systemReset()
        expect(.absent, changes: 0)
    }

    /// A driver that is refused resets the device: what it wanted is known until another one fares better.
    @Test func whatWasRefusedStaysKnown() throws {
        fixture.negotiate(VirtioFeature.version1 | 0b10)
        expect(.refused(features: VirtioFeature.version1 | 0b10), changes: 2)
        fixture.write(.status, 128)
        fixture.write(.status, 0)
        fixture.write(.status, 1)
        expect(.refused(features: VirtioFeature.version1 | 0b10), changes: 0)
        fixture.write(.status, 0)
        _ = try fixture.start()
        expect(.running(features: VirtioFeature.version1), changes: 2)

        fixture.write(.status, 0)
        fixture.negotiate(1)
        expect(.refused(features: 1), changes: 3)
        fixture.transport.systemReset()
        expect(.absent, changes: 0)
    }

    @Test func aBrokenRuleIsTheState() throws {
        fixture.negotiate()
        _ = fixture.host.takeDriverChanges()
        fixture.write(.queueSize, 3)
        fixture.write(.queueReady, 1)
        expect(.needsReset(.invalidSize(3, maximum: 8)), changes: 1)
        fixture.write(.status, 0)
        expect(.absent, changes: 1)

        let driver = try fixture.start()
        _ = fixture.host.takeDriverChanges()
        try driver.offer(8)
        try driver.publish()
        fixture.transport.processQueue(0)
        expect(.needsReset(.descriptorIndexOutOfRange(8, size: 8)), changes: 0)
    }
}
