import Host
import SystemPackage

/// A unit in which Linux takes memory into use, as `/sys/devices/system/memory` shows it.
struct LinuxMemoryBlock {
    static let directory: FilePath = "/sys/devices/system/memory"

    let number: UInt64
    let path: FilePath

    /// All that there are, by their numbers.
    static func all() -> [LinuxMemoryBlock] {
        ((try? directory.directoryEntries()) ?? []).compactMap { name in
            guard name.hasPrefix("memory"), let number = UInt64(name.dropFirst(6)) else { return nil }
            return LinuxMemoryBlock(number: number, path: directory.appending(name))
        }.sorted { $0.number < $1.number }
    }

    /// In bytes; 0 where the kernel has none.
    static var size: UInt64 {
        KernelText.read(directory.appending("block_size_bytes")).flatMap { UInt64($0.prefix { $0 != "\n" }, radix: 16) }
            ?? 0
    }

    var state: String { text("state") }
    var zones: String { text("valid_zones") }

    /// Its NUMA node; 0 where the kernel knows none.
    var node: UInt32 {
        // It is the one that the block's directory has a link to.
        let names = (try? path.directoryEntries()) ?? []
        return names.lazy.compactMap { $0.hasPrefix("node") ? UInt32($0.dropFirst(4)) : nil }.first ?? 0
    }

    private func text(_ name: String) -> String {
        String((KernelText.read(path.appending(name)) ?? "").prefix { $0 != "\n" })
    }
}
