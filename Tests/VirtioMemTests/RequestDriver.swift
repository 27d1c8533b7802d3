import GuestMemory
import Virtio

@testable import VirtioMem

/// A driver that sends a memory device one request at a time, over plain guest memory, cut as the test likes.
final class RequestDriver {
    static let setup = QueueSetup(
        size: 64, descriptorTable: 0x10_0000, availableRing: 0x11_0000, usedRing: 0x12_0000)
    /// Registers and what is written to them, until the device works.
    static let startSequence: [(offset: UInt64, value: UInt64)] = [
        (0x70, 1), (0x70, 3), (0x24, 0), (0x20, 2), (0x24, 1), (0x20, 1), (0x70, 11), (0x30, 0),
        (0x38, UInt64(setup.size)), (0x80, setup.descriptorTable), (0x90, setup.availableRing),
        (0xA0, setup.usedRing), (0x44, 1), (0x70, 15),
    ]
    private static let requestAddress: UInt64 = 0x13_0000
    private static let responseAddress: UInt64 = 0x14_0000

    let memory: GuestMemory
    let queue: SplitQueue
    private var sent: UInt16 = 0
    private var responseCount = 0

    init() throws {
        try GuestMemory.installProcessHandlers()
        memory = GuestMemory(regions: [
            try GuestMemoryRegion(name: "ram", start: GuestAddress(0x10_0000), size: 0x10_0000)
        ])
        queue = try SplitQueue(setup: Self.setup, maximumSize: 64, features: 0, memory: memory)
    }

    /// Sends bytes and makes room for a response.
    ///
    /// - Parameters:
    ///   - cut: the sizes of the descriptors for the request; one for all by default.
    ///   - responseCut: the sizes of those for the response.
    func send(_ bytes: [UInt8], cut: [UInt32]? = nil, responseCut: [UInt32] = [10]) throws {
        let cut = cut ?? [UInt32(bytes.count)]
        try memory.write(bytes, at: GuestAddress(Self.requestAddress))
        responseCount = Int(responseCut.reduce(0, +))
        try memory.fill(at: GuestAddress(Self.responseAddress), count: 64, with: 0xaa)
        var address = Self.requestAddress
        for (number, count) in (cut + responseCut).enumerated() {
            let isWritable = number >= cut.count
            if number == cut.count { address = Self.responseAddress }
            let isLast = number + 1 == cut.count + responseCut.count
            let at = Self.setup.descriptorTable + 16 * UInt64(number)
            try memory.store(address, at: GuestAddress(at))
            let flags: UInt64 = (isLast ? 0 : 1) | (isWritable ? 2 : 0)
            try memory.store(
                UInt64(count) | flags << 32 | UInt64(number + 1) << 48, at: GuestAddress(at + 8))
            address += UInt64(count)
        }
        try memory.store(0 as UInt16, at: GuestAddress(Self.setup.availableRing + 4 + 2 * UInt64(sent % 64)))
        sent &+= 1
        try memory.store(sent, at: GuestAddress(Self.setup.availableRing + 2))
    }

    /// Begins anew, for a device that was reset.
    func forget() throws {
        for ring in [Self.setup.availableRing, Self.setup.usedRing] {
            try memory.fill(at: GuestAddress(ring), count: 0x1000)
        }
        sent = 0
    }

    /// What the device may read but not write: the descriptor table, the available ring and the request.
    var readableBytes: [UInt8] {
        get throws {
            try memory.read(64 * 16, at: GuestAddress(Self.setup.descriptorTable))
                + memory.read(4 + 2 * 64, at: GuestAddress(Self.setup.availableRing))
                + memory.read(64, at: GuestAddress(Self.requestAddress))
        }
    }

    /// What the device wrote into the room for the response, and how much it says it wrote.
    func response() throws -> (bytes: [UInt8], written: UInt32) {
        let last = UInt64((sent &- 1) % 64)
        let written = try memory.loadUInt32(at: GuestAddress(Self.setup.usedRing + 4 + 8 * last + 4))
        return (try memory.read(responseCount, at: GuestAddress(Self.responseAddress)), written)
    }

    /// How many responses there were.
    var completed: UInt16 {
        get throws { try memory.loadUInt16(at: GuestAddress(Self.setup.usedRing + 2)) }
    }

    /// A request as the specification lays it out, with padding that must not matter.
    static func request(
        type: UInt16, address: UInt64 = 0, blockCount: UInt16 = 0, padding: UInt8 = 0
    ) -> [UInt8] {
        littleEndian(type, 2) + [UInt8](repeating: padding, count: 6) + littleEndian(address, 8)
            + littleEndian(blockCount, 2) + [UInt8](repeating: padding, count: 6)
    }

    static func littleEndian(_ value: some BinaryInteger, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
}
