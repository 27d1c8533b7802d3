import GuestMemory
import Testing
import Virtio

@testable import VirtioMem

@Suite struct VirtioMemRequestTests {
    private let driver: RequestDriver

    init() throws {
        driver = try RequestDriver()
    }

    private func receive() throws -> VirtioMemRequest {
        let chain = try #require(try driver.queue.nextChain())
        return try VirtioMemRequest(from: chain, of: driver.queue)
    }

    private static let range = VirtioMemBlockRange(address: GuestAddress(0x1122_3344_5566_7788), count: 0x99aa)

    @Test(
        arguments: [
            (0, .plug(range)), (1, .unplug(range)), (2, .unplugAll), (3, .state(range)), (4, .unknown(type: 4)),
            (0xffff, .unknown(type: 0xffff)),
        ] as [(UInt16, VirtioMemRequest)])
    func theTypeDecides(type: UInt16, request: VirtioMemRequest) throws {
        try driver.send(
            RequestDriver.request(type: type, address: Self.range.address.rawValue, blockCount: Self.range.count))
        #expect(try receive() == request)
    }

    /// "The device MUST ignore the padding in the request-specific data in a request."
    @Test(arguments: 0...3 as ClosedRange<UInt16>)
    func paddingIsIgnored(type: UInt16) throws {
        try driver.send(RequestDriver.request(type: type, address: 0x4000_0000, blockCount: 7))
        let plain = try receive()
        try driver.send(RequestDriver.request(type: type, address: 0x4000_0000, blockCount: 7, padding: 0xff))
        #expect(try receive() == plain)
    }

    /// "The device MUST ignore any data in a request except the request type."
    @Test func onlyTheTypeOfUnplugAllCounts() throws {
        try driver.send(RequestDriver.request(type: 2, address: .max, blockCount: .max, padding: 0xff))
        #expect(try receive() == .unplugAll)
    }

    @Test(
        arguments: [
            [24], [2, 6, 8, 2, 6], [1, 23], [17, 7], [0, 24, 0], [UInt32](repeating: 1, count: 24), [24, 100],
        ] as [[UInt32]])
    func aRequestMayBeCutAnyhow(cut: [UInt32]) throws {
        let bytes = RequestDriver.request(
            type: 0, address: Self.range.address.rawValue, blockCount: Self.range.count, padding: 0x55)
        try driver.send(bytes, cut: cut, responseCut: [3, 7])
        #expect(try receive() == .plug(Self.range))
    }

    @Test func aRequestIsTwentyFourBytes() throws {
        try driver.send(RequestDriver.request(type: 2), cut: [23])
        #expect(throws: VirtqueueError.buffersTooShort(needed: 24, available: 23)) { try receive() }
    }

    @Test func aRequestHasRoomForItsResponse() throws {
        try driver.send(RequestDriver.request(type: 2), responseCut: [4, 5])
        #expect(throws: VirtqueueError.buffersTooShort(needed: 10, available: 9)) { try receive() }
    }
}
