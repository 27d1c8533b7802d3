import Foundation
import Host
import SystemPackage
import Testing

/// Each way in which memory can be backed on any host.
enum BackingKind: String, CaseIterable, CustomTestStringConvertible {
    case anonymous, memfd, privateMemfd, tmpfs, disk, privateDisk, hugePages, privateHugePages

    var testDescription: String { rawValue }

    var isHuge: Bool { self == .hugePages || self == .privateHugePages }

    /// Those that this host has: huge pages may be missing.
    static let here = allCases.filter { !$0.isHuge || HugePages.free >= 8 }
    static let files = here.filter { $0 != .anonymous }
    static let small = here.filter { !$0.isHuge }

    func backing(size: UInt64) throws -> MemoryBacking {
        switch self {
        case .anonymous: MemoryBacking()
        case .memfd: MemoryBacking(file: try MemoryFile(inMemory: "test", size: size), isShared: true)
        case .privateMemfd: MemoryBacking(file: try MemoryFile(inMemory: "test", size: size))
        case .tmpfs: MemoryBacking(file: try MemoryFile(MemoryFile.open("/dev/shm"), size: size), isShared: true)
        case .disk: MemoryBacking(file: try MemoryFile(MemoryFile.open("/var/tmp"), size: size), isShared: true)
        case .privateDisk: MemoryBacking(file: try MemoryFile(MemoryFile.open("/var/tmp"), size: size))
        case .hugePages:
            MemoryBacking(file: try MemoryFile(inMemory: "test", size: size, hugePageSize: 2 << 20), isShared: true)
        case .privateHugePages:
            MemoryBacking(file: try MemoryFile(inMemory: "test", size: size, hugePageSize: 2 << 20))
        }
    }

    func map(_ size: UInt64, _ protection: MemoryMapping.Protection = .readWrite) throws -> MemoryMapping {
        try MemoryMapping(size, backing(size: size), alignment: 2 << 20, protection: protection)
    }
}

/// The host's pool of pages of 2 MiB.
enum HugePages {
    static var free: UInt64 { count("free_hugepages") }

    static func count(_ file: String) -> UInt64 {
        KernelText.number(FilePath("/sys/kernel/mm/hugepages/hugepages-2048kB/\(file)")) ?? 0
    }
}
