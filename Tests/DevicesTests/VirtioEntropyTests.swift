import Devices
import GuestMemory
import Testing

@testable import Virtio
@testable import VirtioTestSupport

/// The entropy device (virtio specification, 5.4).
struct VirtioEntropyTests {
    private let fixture: DeviceFixture<VirtioEntropy>
    private let driver: FakeDriver

    init() throws {
        fixture = try DeviceFixture(VirtioEntropy())
        driver = try fixture.start()
    }

    private func serve(_ pieces: [FakeDriver.Piece]) throws -> [UInt32] {
        try driver.add(pieces)
        try driver.publish()
        fixture.transport.processQueue(0)
        return try driver.takeUsed().map(\.written)
    }

    private func bytes(at address: UInt64, _ count: Int) throws -> [UInt8] {
        try fixture.memory.read(count, at: GuestAddress(address))
    }

    @Test func itIsAnEntropyDevice() {
        #expect(fixture.read(.deviceID) == 4)
        #expect(fixture.transport.read(offset: 0x100, size: 4) == 0)
    }

    @Test func requestsGetRandomBytes() throws {
        let free = TestMemory.free
        #expect(try serve([.writable(free, 64)]) == [64])
        let first = try bytes(at: free, 64)
        #expect(try serve([.writable(free, 64)]) == [64])
        let second = try bytes(at: free, 64)
        // Each is wrong once in 2^200 times at most.
        #expect(first != second)
        #expect(Set(first).count > 8 && Set(second).count > 8)
        #expect(fixture.host.takePulses() > 0)
    }

    @Test func piecesAreFilledToTheirEnds() throws {
        let free = TestMemory.free
        for _ in 0..<64 {
            try fixture.memory.fill(at: GuestAddress(free), count: 4096)
            #expect(try serve([.writable(free + 1, 3), .writable(free + 100, 0), .writable(free + 200, 300)]) == [303])
            #expect(try bytes(at: free, 1) == [0] && bytes(at: free + 4, 96).allSatisfy { $0 == 0 })
            #expect(try bytes(at: free + 500, 100).allSatisfy { $0 == 0 })
        }
        // The last bytes of both were random at least once.
        var seen: (UInt8, UInt8) = (0, 0)
        for _ in 0..<64 {
            _ = try serve([.writable(free + 1, 3), .writable(free + 200, 300)])
            seen.0 |= try bytes(at: free + 3, 1)[0]
            seen.1 |= try bytes(at: free + 499, 1)[0]
        }
        #expect(seen.0 != 0 && seen.1 != 0)
    }

    @Test func largeRequestsGetAPart() throws {
        let free = TestMemory.free
        try fixture.memory.fill(at: GuestAddress(free), count: 0x8_0000)
        #expect(try serve([.writable(free, 0x8_0000)]) == [4096])
        #expect(try bytes(at: free + 4096, 4096).allSatisfy { $0 == 0 })
    }

    @Test func requestsWithoutRoomGetNothing() throws {
        #expect(try serve([.readable(TestMemory.free, 64)]) == [0])
        #expect(try serve([.writable(TestMemory.free, 0)]) == [0])
    }

    @Test func manyAreServedInTurn() throws {
        for number in 0..<8 { try driver.add([.writable(TestMemory.free + UInt64(number) * 64, 64)]) }
        try driver.publish()
        fixture.transport.processQueue(0)
        #expect(try driver.takeUsed().count == 8)
    }

    @Test func memoryThatIsNotThereIsTheDriversMistake() throws {
        try driver.add([.writable(TestMemory.end - 32, 64)])
        try driver.publish()
        #expect(fixture.transport.processQueue(0) == .memory(.unmapped(GuestAddress(TestMemory.end - 32), count: 64)))
        #expect(fixture.read(.status) & 64 != 0)
    }
}
