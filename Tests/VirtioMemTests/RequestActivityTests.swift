import GuestMemory
import Testing

@testable import VirtioMem

/// The device keeps what its driver asked for, for whoever wants to know why a resize does not get on.
@Suite struct RequestActivityTests {
    private static let mebibyte = MemoryDeviceFixture.mebibyte

    @Test func requestsAreCountedByWhatBecameOfThem() throws {
        let device = try MemoryDeviceFixture(requested: 4 * Self.mebibyte)
        _ = try device.state(block: 0)
        _ = try device.plug(block: 0, 2)
        _ = try device.plug(block: 2)
        device.slots.failure = .exhausted(limit: 9)
        try device.setRequestedSize(1024 * Self.mebibyte)
        let before = device.transport.withDevice { $0.activity }
        #expect(before.plug == RequestActivity.Count(acknowledged: 1, rejected: 1))
        #expect(before.state == RequestActivity.Count(acknowledged: 1))
        #expect(before.total == 3)

        _ = try device.plug(block: 256)
        _ = try device.unplug(block: 0)
        _ = try device.send(RequestDriver.request(type: 7))
        _ = try device.unplugAll()
        let (all, since) = device.transport.withDevice { ($0.activity, $0.activitySinceRequest) }
        #expect(all.total == 7)
        #expect(since.total == 4)
        #expect(since.text == "plug 1 (1 busy), unplug 1 (1 done), unplug all 1 (1 done), unknown 1 (1 wrong)")
        #expect(since.last == RequestActivity.Exchange(.unplugAll, .acknowledge))
        #expect(since.lastWrong == .unknown(type: 7))
    }

    @Test func anotherDriverBeginsAnew() throws {
        let device = try MemoryDeviceFixture()
        _ = try device.plug(block: 0, 0)
        #expect(device.transport.withDevice { $0.activity.lastWrong } != nil)
        try device.resetByDriver()
        #expect(device.transport.withDevice { $0.activity.lastWrong } == nil)
        #expect(device.transport.withDevice { $0.activity.plug } == RequestActivity.Count(wrong: 1))
    }

    @Test func aNewRequestForgetsTheHostsRefusal() throws {
        let device = try MemoryDeviceFixture()
        device.slots.failure = .exhausted(limit: 9)
        #expect(try device.plug(block: 0) == .busy)
        #expect(device.transport.withDevice { $0.refusal } == .slot(.exhausted(limit: 9)))
        try device.setRequestedSize(device.requestedSize)
        #expect(device.transport.withDevice { $0.refusal } == nil)
    }

    @Test func nothingIsSaidOfNothing() {
        #expect(RequestActivity().text == "none")
        #expect(RequestActivity().last == nil)
    }
}
