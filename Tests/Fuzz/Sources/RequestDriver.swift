import Virtio
import VirtioMem

/// A driver of a memory device that follows the rules: one request at a time, cut as the input says.
struct RequestDriver {
    private static let descriptors = FuzzMemory.low
    private static let available = FuzzMemory.low + 0x800
    private static let used = FuzzMemory.low + 0xc00
    private static let request = FuzzMemory.low + 0x1000
    private static let response = FuzzMemory.low + 0x1400
    private static let size: UInt16 = 64

    let transport: VirtioMMIOTransport<VirtioMemDevice>
    let memory: FuzzMemory
    private var sent: UInt16 = 0

    init(transport: VirtioMMIOTransport<VirtioMemDevice>, memory: FuzzMemory) {
        self.transport = transport
        self.memory = memory
    }

    /// From reset to DRIVER_OK.
    mutating func start() {
        sent = 0
        for offset in 0..<0x1000 as Range<UInt64> { memory[Self.descriptors + offset] = 0 }
        let registers: [(UInt64, UInt64)] = [
            (0x70, 0), (0x70, 1), (0x70, 3), (0x24, 0), (0x20, 2), (0x24, 1), (0x20, 1), (0x70, 11), (0x30, 0),
            (0x38, UInt64(Self.size)), (0x80, Self.descriptors), (0x90, Self.available), (0xa0, Self.used), (0x44, 1),
            (0x70, 15),
        ]
        for (register, value) in registers {
            transport.write(offset: register, size: 4, value: value)
        }
        require(transport.read(offset: 0x70, size: 4) == 15, "a driver that follows the rules gets to DRIVER_OK")
    }

    /// Sends a request and returns the answer.
    mutating func send(
        type: UInt16, address: UInt64, count: UInt16, padding: UInt64, cut: UInt8
    ) -> MemoryDeviceAnswer {
        memory.store(UInt64(type) | padding << 16, Self.request, bytes: 8)
        memory.store(address, Self.request + 8, bytes: 8)
        memory.store(UInt64(count) | padding << 16, Self.request + 16, bytes: 8)
        for offset in 0..<16 as Range<UInt64> { memory[Self.response + offset] = 0xaa }
        writeDescriptors(cut)
        let entry = UInt64(sent % Self.size)
        memory.store(0, Self.available + 4 + 2 * entry, bytes: 2)
        sent &+= 1
        memory.store(UInt64(sent), Self.available + 2, bytes: 2)
        let failure = transport.processQueue(0)
        require(failure == nil, "a driver that follows the rules breaks none")
        require(memory.loadUInt16(Self.used + 2) == sent, "a request is answered")
        require(memory.load(Self.used + 4 + 8 * entry, bytes: 8) == 10 << 32, "an answer has 10 bytes")
        let first = memory.load(Self.response, bytes: 8) ?? 0
        require(first < 4, "an answer is one of four, and its padding is zero")
        require(memory.load(Self.response + 10, bytes: 6) == 0xaaaa_aaaa_aaaa, "what lies behind an answer stays")
        return MemoryDeviceAnswer(
            type: UInt16(first), state: memory.loadUInt16(Self.response + 8) ?? 0)
    }

    /// Up to two cuts of the request, and one of the response.
    private func writeDescriptors(_ cut: UInt8) {
        let (first, second) = (UInt64(cut & 15), UInt64(cut >> 4 & 7))
        var parts = [first, second, 24 - first - second].map { ($0, 0 as UInt64) }
        parts += cut & 0x80 == 0 ? [(10, 2)] : [(9, 2), (1, 2)]
        var addresses = [Self.request, Self.response]
        for (index, part) in parts.enumerated() {
            let kind = part.1 == 0 ? 0 : 1
            let hasNext: UInt64 = index + 1 < parts.count ? 1 : 0
            let at = Self.descriptors + 16 * UInt64(index)
            memory.store(addresses[kind], at, bytes: 8)
            memory.store(part.0 | (part.1 | hasNext) << 32 | UInt64(index + 1) << 48, at + 8, bytes: 8)
            addresses[kind] += part.0
        }
    }
}
