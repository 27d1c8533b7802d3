import GuestMemory

@testable import Virtio

/// Guest memory as the tests use it: 1 MiB at 1 MiB, and 64 KiB right behind it in a region of its own.
enum TestMemory {
    static let start: UInt64 = 0x10_0000
    static let second: UInt64 = 0x20_0000
    static let end: UInt64 = 0x21_0000

    static func make() throws -> GuestMemory {
        try GuestMemory.installProcessHandlers()
        return GuestMemory(regions: [
            try GuestMemoryRegion(name: "ram", start: GuestAddress(start), size: second - start),
            try GuestMemoryRegion(name: "more", start: GuestAddress(second), size: end - second),
        ])
    }

    /// A queue at the start; leaves memory from 0x18_0000 free for sizes up to 1024.
    static func setup(size: UInt16) -> QueueSetup {
        QueueSetup(
            size: size, descriptorTable: 0x10_0000, availableRing: 0x11_0000, usedRing: 0x12_0000)
    }

    static let free: UInt64 = 0x18_0000
}
