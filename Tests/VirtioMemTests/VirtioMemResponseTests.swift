import GuestMemory
import Testing
import Virtio

@testable import VirtioMem

@Suite struct VirtioMemResponseTests {
    private let driver: RequestDriver

    init() throws {
        driver = try RequestDriver()
    }

    private static let all: [(VirtioMemResponse, UInt8, UInt8)] = [
        (.acknowledge, 0, 0), (.negativeAcknowledge, 1, 0), (.busy, 2, 0), (.error, 3, 0), (.state(.plugged), 0, 0),
        (.state(.unplugged), 0, 1), (.state(.mixed), 0, 2),
    ]

    @Test(arguments: all)
    func aResponseIsTenBytes(response: VirtioMemResponse, type: UInt8, state: UInt8) throws {
        for cut in [[10], [8, 2], [1, 9], [0, 10], [UInt32](repeating: 1, count: 10)] {
            try driver.send(RequestDriver.request(type: 3), responseCut: cut)
            let chain = try #require(try driver.queue.nextChain())
            try response.complete(chain, of: driver.queue)
            let (bytes, written) = try driver.response()
            #expect(bytes == [type, 0, 0, 0, 0, 0, 0, 0, state, 0])
            #expect(written == 10)
        }
        #expect(try driver.completed == 5)
    }

    @Test func roomBeyondTheResponseIsLeftAlone() throws {
        try driver.send(RequestDriver.request(type: 3), responseCut: [16])
        let chain = try #require(try driver.queue.nextChain())
        try VirtioMemResponse.busy.complete(chain, of: driver.queue)
        let (bytes, written) = try driver.response()
        #expect(bytes == [2, 0, 0, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0xaa, count: 6))
        #expect(written == 10)
    }
}
