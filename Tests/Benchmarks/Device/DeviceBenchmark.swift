import GuestMemory
import Host
import Virtio
import VirtioMem

/// Serves requests of a driver of a memory device, one after the other, without a virtual machine: what a request takes of the
/// device itself. Its arguments are the kind of request, `state` or `resize` (plug one block, and unplug it), and how many.
///
/// Tools/bench counts what it does for two numbers of requests, and takes the difference.
@main
struct DeviceBenchmark {
    /// Nobody is interrupted.
    private final class Silence: InterruptLine, QueueNotifier {
        func pulse() {}
        func notify(queue index: Int) {}
    }

    private final class Slots: MemorySlots {
        func addSlot(in region: GuestMemoryRegion, offset: UInt64, size: UInt64) throws(MemorySlotError) -> SlotNumber {
            SlotNumber(1 + offset / size)
        }

        func removeSlot(_ number: SlotNumber) throws(MemorySlotError) {}
    }

    private static let low: UInt64 = 0x10_0000
    private static let available = low + 0x1000
    private static let used = low + 0x2000
    private static let request = low + 0x3000
    private static let response = low + 0x3800
    private static let queueSize: UInt16 = 64
    private static let start: UInt64 = 4 << 30
    private static let regionSize: UInt64 = 1 << 30
    private static let blockSize: UInt64 = 2 << 20

    private let memory: GuestMemory
    /// The region does not keep them.
    private let slots = Slots()
    private let transport: VirtioMMIOTransport<VirtioMemDevice>

    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3, ["state", "resize"].contains(arguments[1]), let count = Int(arguments[2]),
            count >= 0
        else { fatalError("usage: swiftlet-bench state|resize COUNT") }
        let benchmark = try DeviceBenchmark()
        try benchmark.start()
        let kinds: [UInt64] = arguments[1] == "state" ? [3, 3] : [0, 1]
        var sent: UInt16 = 0
        let begun = MonotonicInstant.now()
        for number in 0..<count {
            try benchmark.memory.store(kinds[number % 2], at: GuestAddress(request))
            sent &+= 1
            try benchmark.memory.store(sent, at: GuestAddress(available + 2))
            guard benchmark.transport.processQueue(0) == nil else { fatalError("the queue is broken") }
        }
        let nanoseconds = begun.nanoseconds(until: .now())
        guard try benchmark.memory.loadUInt16(at: GuestAddress(used + 2)) == sent,
            try benchmark.memory.loadUInt16(at: GuestAddress(response)) == 0
        else { fatalError("requests are not answered") }
        print(nanoseconds)
    }

    private init() throws {
        try GuestMemory.installProcessHandlers()
        let region = try GuestMemoryRegion(name: "vm0", start: GuestAddress(Self.start), size: Self.regionSize)
        memory = GuestMemory(regions: [
            try GuestMemoryRegion(name: "ram", start: GuestAddress(Self.low), size: 0x10_0000), region,
        ])
        let elastic = try ElasticRegion(region, blockSize: Self.blockSize)
        elastic.connect(to: slots)
        let silence = Silence()
        transport = VirtioMMIOTransport(
            device: try VirtioMemDevice(
                region: elastic, requestedSize: Self.regionSize, node: nil, acceptsReaders: false),
            memory: memory,
            interruptLine: silence, notifier: silence)
    }

    /// From reset to DRIVER_OK, with a request about one block in a chain of two descriptors that is sent again and again.
    private func start() throws {
        let registers: [(UInt64, UInt64)] = [
            (0x70, 1), (0x70, 3), (0x24, 0), (0x20, 2), (0x24, 1), (0x20, 1), (0x70, 11), (0x30, 0),
            (0x38, UInt64(Self.queueSize)), (0x80, Self.low), (0x90, Self.available), (0xa0, Self.used), (0x44, 1),
            (0x70, 15),
        ]
        for (register, value) in registers { transport.write(offset: register, size: 4, value: value) }
        guard transport.read(offset: 0x70, size: 4) == 15 else { fatalError("the device does not start") }
        // The request is read: 24 bytes, and another descriptor behind it; the response is written: 10 bytes.
        try memory.store(Self.request, at: GuestAddress(Self.low))
        try memory.store(24 | 1 << 32 | 1 << 48 as UInt64, at: GuestAddress(Self.low + 8))
        try memory.store(Self.response, at: GuestAddress(Self.low + 16))
        try memory.store(10 | 2 << 32 as UInt64, at: GuestAddress(Self.low + 24))
        try memory.store(Self.start, at: GuestAddress(Self.request + 8))
        try memory.store(1 as UInt64, at: GuestAddress(Self.request + 16))
    }
}
