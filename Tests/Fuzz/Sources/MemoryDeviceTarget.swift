import Glibc
import GuestMemory
import VirtioMem

/// A memory device over a real region, with a driver, a user and a host that do what the input says. Answers and state
/// are compared with a model's, and region, slots and memory with each other.
final class MemoryDeviceTarget: FuzzTarget {
    /// A region with its memory, made once.
    private struct Place {
        let region: GuestMemoryRegion
        let memory: FuzzMemory
        let blockSize: UInt64
        let slotSize: UInt64

        init(blockSize: UInt64, slotSize: UInt64) throws {
            self.blockSize = blockSize
            self.slotSize = slotSize
            region = try GuestMemoryRegion(
                name: "vm0", start: GuestAddress(FuzzMemory.elastic), size: UInt64(blockCount) * blockSize)
            // The few pages that are touched are to be small ones.
            madvise(region.mapping.base, Int(region.size), MADV_NOHUGEPAGE)
            memory = try FuzzMemory(with: [region])
        }
    }

    static let blockCount = 256
    private let small: Place
    private let large: Place
    private let budget = MappingBudget(limit: 400)

    init() throws {
        small = try Place(blockSize: 64 << 10, slotSize: 256 << 10)
        // So large that not all of it is usable at first.
        large = try Place(blockSize: 32 << 20, slotSize: 128 << 20)
    }

    func run(_ input: inout InputReader) {
        let choice = input.uint8()
        let place = choice & 1 == 0 ? small : large
        place.memory.reset()
        let requested = UInt64(input.uint8()) * place.blockSize
        let host = FuzzHostMemory(place.region)
        let region = demand("elastic region") {
            try ElasticRegion(
                place.region, blockSize: place.blockSize, slotSize: place.slotSize, populates: choice == 0xf0,
                budget: budget, host: host)
        }
        let model = MemoryDeviceModel(
            start: FuzzMemory.elastic, blockSize: place.blockSize, blockCount: Self.blockCount, requested: requested)
        // All of this is one thread's.
        nonisolated(unsafe) let device = demand("memory device") {
            try VirtioMemDevice(region: region, requestedSize: requested, node: nil)
        }
        let test = MemoryDeviceUnderTest(device, region: region, host: host, model: model, memory: place.memory)
        while !input.isEmpty {
            test.step(&input)
        }
        test.finish(inspects: choice & 0x39 == 0x08)
        demand("discard") { try place.region.mapping.discard(0..<place.region.size) }
    }
}
