import Configuration
import GuestMemory
import Host
import TestSupport
import Testing

@testable import Machine

/// A guest whose driver was not told that unplugged memory is inaccessible, on a device that accepts it: it reads
/// zeroes that take no memory, and still can't write.
@Suite(.needsKVM, .serialized) struct UnpluggedReaderTests {
    private static let start = GuestAgent.start
    private static let readSize: UInt64 = 32 << 20

    private static let backends: [MemoryBackend] =
        [
            MemoryBackend(.anonymous), MemoryBackend(.anonymous, transparentHugePages: false), MemoryBackend(.memfd),
            MemoryBackend(.memfd, isShared: false), MemoryBackend(.file, path: "/var/tmp"),
        ]
        + (HugePagePool.isThere ? [MemoryBackend(.hugetlbfs), MemoryBackend(.hugetlbfs, isShared: false)] : [])

    /// Bytes of the region that are in memory; the zeroes of unplugged blocks are not.
    private func residentSize(_ agent: GuestAgent) throws -> UInt64 {
        try agent.machine.call { core in
            core.hardware.memoryDevices[0].transport.withDevice { device in
                let entry = SmapsEntry(of: device.region.memory.mapping)
                return entry["Rss"] + entry["Shared_Hugetlb"] + entry["Private_Hugetlb"]
            }
        }
    }

    @Test(arguments: backends)
    func readsZeroesThatTakeNoMemory(backend: MemoryBackend) throws {
        let device = MemoryDevice(
            id: "vm0", size: .mebibytes(256), requestedSize: .mebibytes(64), unpluggedInaccessible: .auto,
            backend: backend)
        let agent = try GuestAgent(.user, devices: [device], plugging: [0..<1], features: 0)
        try agent.tell(.store, Self.start, 8, 0xCAFE)
        let before = try residentSize(agent)
        let words = Self.readSize / 8
        #expect(
            try agent.tell(.find, Self.start + GuestAgent.blockSize, words, 0, withinMilliseconds: 60_000).value == 0,
            "all of it is zero")
        let after = try residentSize(agent)
        #expect(before > 0 && after == before, "\(before) and \(after) bytes")
        try agent.expectContained()

        // What is plugged keeps what it holds; what was unplugged reads as zero.
        #expect(try agent.tell(.load, Self.start, 8).value == 0xCAFE)
        #expect(try agent.tell(.request, 0, Self.start + GuestAgent.blockSize, 1).value == 0)
        #expect(try agent.tell(.store, Self.start + GuestAgent.blockSize, 8, 0xBEEF).trap == nil)
        #expect(try agent.tell(.load, Self.start + GuestAgent.blockSize, 8).value == 0xBEEF)
        #expect(try agent.tell(.request, 1, Self.start, 1).value == 0)
        #expect(try agent.tell(.load, Self.start, 8).value == 0)

        // Nobody writes there.
        try agent.post(.store, Self.start + 8, 8, 1)
        let violation = try agent.violation(after: 0)
        #expect(violation.device == "vm0")
        try agent.expectContained()
    }
}
