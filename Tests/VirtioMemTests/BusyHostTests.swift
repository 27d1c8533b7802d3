import GuestMemory
import Host
import SystemPackage
import TestSupport
import Testing
import Virtio

@testable import VirtioMem
@testable import VirtioTestSupport

/// What the guest sees of a host that fails: BUSY or success, never an error, and its next try works.
@Suite struct BusyHostTests {
    private static let blockSize: UInt64 = 64 << 10
    private static let start = MemoryDeviceFixture.start

    /// Requests as a driver sends them: type, first block and number of blocks.
    private static let requests: [(type: UInt16, block: UInt64, count: UInt16)] = [
        (0, 0, 16), (0, 40, 8), (1, 4, 4), (0, 4, 2), (1, 40, 8), (2, 0, 0), (0, 8, 24),
    ]

    private struct Setup {
        let driver: RequestDriver
        let host: FaultyHost
        let transport: VirtioMMIOTransport<VirtioMemDevice>

        init() throws {
            driver = try RequestDriver()
            let part = try GuestMemoryRegion(
                name: "vm0", start: GuestAddress(BusyHostTests.start), size: 64 * blockSize)
            host = FaultyHost(part)
            let region = try ElasticRegion(
                part, blockSize: blockSize, slotSize: 8 * blockSize, populates: true, host: host)
            let recorder = RecordingHost()
            transport = VirtioMMIOTransport(
                device: try VirtioMemDevice(region: region, requestedSize: 64 * blockSize, node: nil),
                memory: GuestMemory(regions: driver.memory.regions + [part]), interruptLine: recorder,
                notifier: recorder)
            transport.withDevice { [host] in $0.region.connect(to: host) }
            for (offset, value) in RequestDriver.startSequence {
                transport.write(offset: offset, size: 4, value: value)
            }
        }

        var pluggedSize: UInt64 { transport.read(offset: 0x100 + 40, size: 8) }

        func send(_ request: (type: UInt16, block: UInt64, count: UInt16)) throws -> UInt8 {
            try driver.send(
                RequestDriver.request(
                    type: request.type, address: start + request.block * blockSize, blockCount: request.count))
            #expect(transport.processQueue(0) == nil)
            return try driver.response().bytes[0]
        }
    }

    @Test func eachHostCallFailsOnce() throws {
        let undisturbed = try Setup()
        let first = undisturbed.host.calls
        var sizes: [UInt64] = []
        for request in Self.requests {
            #expect(try undisturbed.send(request) == 0)
            sizes.append(undisturbed.pluggedSize)
        }
        var busy = 0
        for call in first..<undisturbed.host.calls {
            for errno in [Errno.noMemory, .interrupted, .fileExists, .noSpace] {
                let setup = try Setup()
                setup.host.fault = FaultyHost.Fault(calls: call..<call + 1, errno: errno)
                for (request, size) in zip(Self.requests, sizes) {
                    let before = setup.pluggedSize
                    var answer = try setup.send(request)
                    if answer == 2 {
                        #expect(setup.pluggedSize == before)
                        busy += 1
                        answer = try setup.send(request)
                    }
                    #expect(answer == 0, "\(errno) at call \(call): \(request)")
                    #expect(setup.pluggedSize == size)
                }
                setup.transport.withDevice { $0.region.maintain() }
                #expect(setup.transport.withDevice { (try? $0.region.inconsistencies()) == [] })
            }
        }
        #expect(busy > 20)
    }
}
