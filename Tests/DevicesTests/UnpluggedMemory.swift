import GuestMemory

@testable import VirtioTestSupport

/// The tests' memory, with a region of a memory device behind it of which nothing is plugged.
struct UnpluggedMemory {
    /// Where the region begins.
    static let start: UInt64 = 1 << 32
    static let blockSize: UInt64 = 2 << 20
    private static let size: UInt64 = 8 << 20

    let memory: GuestMemory
    let region: ElasticRegion

    init() throws {
        try GuestMemory.installProcessHandlers()
        let device = try GuestMemoryRegion(
            name: "vm0", start: GuestAddress(Self.start), size: Self.size, protection: .inaccessible)
        region = try ElasticRegion(device, blockSize: Self.blockSize)
        memory = GuestMemory(regions: [
            try GuestMemoryRegion(
                name: "ram", start: GuestAddress(TestMemory.start), size: TestMemory.end - TestMemory.start),
            device,
        ])
    }
}
