import Devices
import GuestMemory
import Host
import SystemPackage
import Testing
import VhostUser
import VhostUserTestSupport

@testable import Virtio
@testable import VirtioTestSupport

/// The file system device (virtio specification, 5.11), in front of a back-end.
@Suite(.timeLimit(.minutes(1))) struct VirtioFSTests {
    private let backend: FakeBackend
    private let socket: MessageSocket
    private let events: [EventDescriptor]

    init() throws {
        (backend, socket) = try FakeBackend.make()
        events = [try EventDescriptor(), try EventDescriptor(), try EventDescriptor()]
    }

    private func makeFixture(tag: String = "data") throws -> DeviceFixture<VirtioFS> {
        let memory = try TestMemory.make()
        let served = try VhostUserBackend(
            socket, path: nil,
            requirements: .init(features: VirtioFeature.ofQueues, queueCount: 2, changesMemory: false))
        _ = backend.takeRequests()
        let device = VirtioFS(
            served, tag: tag, queueSize: 64, memory: memory, kicks: Array(events.prefix(2)), call: events[2])
        return try DeviceFixture(device, memory: memory)
    }

    private func configuration(_ fixture: DeviceFixture<VirtioFS>, _ offset: UInt64, _ size: Int = 1) -> UInt64 {
        fixture.transport.read(offset: 0x100 + offset, size: size)
    }

    @Test func aGuestSeesTagAndQueues() throws {
        try backend.serving {
            let fixture = try makeFixture()
            #expect(fixture.read(.deviceID) == 26)
            #expect((0..<4).map { configuration(fixture, $0) } == Array("data".utf8).map { UInt64($0) })
            #expect((4..<36).allSatisfy { configuration(fixture, $0) == 0 })
            #expect(configuration(fixture, 36, 4) == 1)
            #expect(configuration(fixture, 32, 8) == 1 << 32)
            #expect(configuration(fixture, 40, 8) == 0 && configuration(fixture, .max - 0x103, 4) == 0)
            for (index, size) in [64, 64, 0].enumerated() {
                fixture.write(.queueSelect, UInt32(index))
                #expect(fixture.read(.queueSizeMaximum) == UInt32(size))
            }
        }
    }

    @Test func aTagMayBeFull() throws {
        try backend.serving {
            let fixture = try makeFixture(tag: String(repeating: "x", count: 36))
            #expect((0..<36).allSatisfy { configuration(fixture, $0) == 0x78 })
            #expect(configuration(fixture, 36, 4) == 1)
        }
    }

    @Test func onlyWhatTheBackendCanDoIsOffered() throws {
        backend.offer(features: 1 << 32 | 1 << 30 | 1 << 28 | 1 << 5)
        try backend.serving {
            let fixture = try makeFixture()
            #expect(fixture.offeredFeatures == 1 << 32 | 1 << 28)
        }
    }

    @Test func aDriverIsServedUntilItsReset() throws {
        try backend.serving {
            let fixture = try makeFixture()
            _ = try fixture.start()
            #expect(fixture.transport.failure == nil)
            let requests = backend.takeRequests()
            let addresses = try #require(requests.first { $0.number == VhostUserRequest.setQueueAddresses.rawValue })
            #expect([8, 16, 24].map(addresses.word) == [0x10_0000, 0x12_0000, 0x11_0000])
            // The other queue is not the driver's.
            #expect(requests.count { $0.number == VhostUserRequest.setQueueKick.rawValue } == 1)
            fixture.write(.status, 0)
            #expect(backend.takeNames() == [.getQueueBase])
            _ = try fixture.start()
            #expect(fixture.transport.failure == nil)
            fixture.transport.systemReset()
            #expect(backend.takeNames().last == .getQueueBase)
        }
    }

    @Test func withoutABackendADriverIsToldToReset() throws {
        let fixture = try backend.serving { try makeFixture() }
        _ = try fixture.start()
        #expect(fixture.transport.failure == .unserved)
        #expect(fixture.read(.status) == 15 | 64)
        fixture.write(.status, 0)
        _ = try fixture.start()
        #expect(fixture.transport.failure == .unserved)
    }

    /// A back-end would end at a queue that it can't reach: it does not get to know.
    @Test func queuesOutOfReachAreTheDriversFault() throws {
        let start: UInt64 = 0x10_0000
        let region = try GuestMemoryRegion(name: "ram", start: GuestAddress(start), size: 0x10_0000)
        try GuestMemory.installProcessHandlers()
        try region.mapping.protect(0x1_0000..<0x2_0000, .inaccessible)
        let memory = GuestMemory(regions: [region])
        try backend.serving {
            let served = try VhostUserBackend(
                socket, path: nil,
                requirements: .init(features: VirtioFeature.ofQueues, queueCount: 2, changesMemory: false))
            _ = backend.takeRequests()
            let device = VirtioFS(
                served, tag: "t", queueSize: 64, memory: memory, kicks: Array(events.prefix(2)), call: events[2])
            let fixture = try DeviceFixture(device, memory: memory)
            fixture.negotiate()
            fixture.setUp(TestMemory.setup(size: 64))
            fixture.write(.status, 15)
            guard case .memory? = fixture.transport.failure else {
                Issue.record("\(String(describing: fixture.transport.failure))")
                return
            }
            #expect(backend.takeRequests().isEmpty)
        }
    }
}
