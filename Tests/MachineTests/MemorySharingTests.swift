import GuestMemory
import Host
import SystemPackage
import TestSupport
import Testing
import VhostUser
import VhostUserTestSupport

@testable import Machine

/// Which guest memory back-ends are given, and when.
@Suite(.timeLimit(.minutes(1))) struct MemorySharingTests {
    private static let mebibyte: UInt64 = 1 << 20
    private static let gibibyte: UInt64 = 1 << 30

    @Test func windowsAreAsSmallAsCanBe() throws {
        func size(_ devices: [(UInt64, UInt64)], limit: Int, boot: Int = 1) throws -> UInt64 {
            try MemorySharing.windowSize(
                for: devices.map { (size: $0.0, slotSize: $0.1) }, limit: limit, bootRegions: boot)
        }
        let slot = 128 * Self.mebibyte
        // As small as slots, where that is enough: those are never cut.
        #expect(try size([(Self.gibibyte, slot)], limit: 9) <= slot)
        #expect(try size([(Self.gibibyte, slot)], limit: 8) == 256 * Self.mebibyte)
        #expect(try size([(8 * Self.gibibyte, slot), (8 * Self.gibibyte, slot)], limit: 32, boot: 2) == Self.gibibyte)
        #expect(try size([(Self.gibibyte, slot)], limit: 2) == Self.gibibyte)
        #expect(try size([(1 << 40, 1 << 40)], limit: 2) <= 1 << 40)
        #expect(try size([], limit: 8) > 0)
        #expect(throws: VhostUserError.tooFewRegions(2, needed: 3)) {
            try size([(slot, slot), (slot, slot)], limit: 2)
        }
    }

    /// A region of 1 GiB with slots of 128 MiB, shared with a back-end that takes 5 regions.
    private struct Fixture {
        let backend: FakeBackend
        let served: VhostUserBackend
        let slots = FakeMemorySlots()
        let shared: SharedMemorySlots
        let sharing: MemorySharing
        let region: ElasticRegion

        init(_ backend: FakeBackend, _ socket: MessageSocket) throws {
            try GuestMemory.installProcessHandlers()
            self.backend = backend
            served = try VhostUserBackend(
                socket, path: nil, requirements: .init(features: 1 << 32, queueCount: 1, changesMemory: true))
            func backing(_ size: UInt64) throws -> MemoryBacking {
                MemoryBacking(file: try MemoryFile(inMemory: "test", size: size), isShared: true)
            }
            let boot = try GuestMemoryRegion(
                name: "ram", start: GuestAddress(0), size: mebibyte, backing: try backing(mebibyte))
            region = try ElasticRegion(
                GuestMemoryRegion(
                    name: "vm0", start: GuestAddress(4 * gibibyte), size: gibibyte, backing: try backing(gibibyte)),
                blockSize: 2 * mebibyte, hasOtherWriters: true)
            sharing = try MemorySharing([served], bootMemory: [boot], devices: [(region.memory, region.slotSize)])
            shared = SharedMemorySlots(slots, sharing: sharing)
            region.connect(to: shared)
            served.start(features: 1 << 32, [])
            #expect(served.failure == nil)
            #expect(changes() == ["+0"])
        }

        /// What the back-end was given and what was taken from it, by address in MiB.
        func changes() -> [String] {
            backend.takeRequests().compactMap { request in
                let sign = [
                    VhostUserRequest.addMemoryRegion.rawValue: "+", VhostUserRequest.removeMemoryRegion.rawValue: "-",
                ]
                return sign[request.number].map { "\($0)\(request.word(8) >> 20)" }
            }
        }
    }

    @Test func slotsAreGivenInWindowsBeforeTheGuestHasThem() throws {
        let (backend, socket) = try FakeBackend.make()
        backend.offer(slots: 5)
        try backend.serving {
            let fixture = try Fixture(backend, socket)
            let region = fixture.region
            // Windows of 256 MiB hold two slots each.
            try region.plug(0..<1)
            #expect(fixture.changes() == ["+4096"])
            try region.plug(64..<65)
            #expect(fixture.changes().isEmpty)
            try region.plug(128..<129)
            #expect(fixture.changes() == ["+4352"])
            try region.unplug(0..<1)
            region.maintain()
            #expect(fixture.changes().isEmpty)
            try region.unplug(64..<65)
            region.maintain()
            #expect(fixture.changes() == ["-4096"])
            #expect(fixture.slots.live.count == 1)
            fixture.sharing.forgetSlots()
            #expect(fixture.changes() == ["-4352"])
        }
    }

    @Test func aBackendMayRefuseAPlug() throws {
        let (backend, socket) = try FakeBackend.make()
        try backend.serving {
            let fixture = try Fixture(backend, socket)
            backend.react(to: .addMemoryRegion, .answer(1))
            #expect(throws: ElasticRegionError.slot(.refused("the back-end refuses ADD_MEM_REG"))) {
                try fixture.region.plug(0..<1)
            }
            #expect(fixture.region.pluggedSize == 0 && fixture.slots.live.isEmpty)
            backend.react(to: .addMemoryRegion, .usual)
            try fixture.region.plug(0..<1)
            #expect(fixture.slots.live.count == 1)
        }
    }

    @Test func aSlotThatCannotBeMadeIsTakenBack() throws {
        let (backend, socket) = try FakeBackend.make()
        try backend.serving {
            let fixture = try Fixture(backend, socket)
            fixture.slots.failure = .exhausted(limit: 1)
            #expect(throws: ElasticRegionError.slot(.exhausted(limit: 1))) { try fixture.region.plug(0..<1) }
            #expect(fixture.changes() == ["+4096", "-4096"])
        }
    }

    @Test func aDeadBackendKeepsNobodyFromPlugging() throws {
        let (backend, socket) = try FakeBackend.make()
        let fixture = try backend.serving { try Fixture(backend, socket) }
        try fixture.region.plug(0..<128)
        try fixture.region.unplug(0..<128)
        fixture.region.maintain()
        #expect(fixture.slots.live.isEmpty)
        #expect(fixture.served.failure == .ended)
    }

    /// What somebody else has written to an unplugged block is not there when it is plugged.
    @Test func blocksAreEmptiedBeforeTheyArePlugged() throws {
        let (backend, socket) = try FakeBackend.make()
        try backend.serving {
            let fixture = try Fixture(backend, socket)
            let file = try #require(fixture.region.memory.mapping.backing.sharedFile)
            try fixture.region.plug(0..<1)
            let block: Int64 = 2 << 20
            #expect(try file.writeAll(toAbsoluteOffset: block, [1, 2, 3]) == 3)
            let memory = GuestMemory(regions: [fixture.region.memory])
            try fixture.region.plug(1..<2)
            #expect(try memory.loadUInt32(at: GuestAddress(4 * Self.gibibyte + UInt64(block))) == 0)
        }
    }
}
