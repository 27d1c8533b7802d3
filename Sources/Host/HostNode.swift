import SystemPackage

/// A NUMA node of the host.
public struct HostNode: Sendable, Equatable {
    public let number: UInt32
    /// Its memory, in bytes.
    public let size: UInt64
    /// What of it is free, in bytes.
    public let free: UInt64
    /// What of it is free or caches files, in bytes.
    public let available: UInt64

    private static let directory: FilePath = "/sys/devices/system/node"

    /// - Returns: nil where the host has no such node, or no nodes at all.
    public init?(number: UInt32) {
        guard let text = KernelText.read(Self.directory.appending("node\(number)").appending("meminfo")) else {
            return nil
        }
        self.init(number: number, meminfo: text)
    }

    /// - Parameter text: of a node's `meminfo`: lines such as `Node 0 MemFree: 123 kB`.
    init?(number: UInt32, meminfo text: String) {
        let lines = text.split(separator: "\n").map { line in
            line.split(separator: " ").dropFirst(2).joined(separator: " ")
        }.joined(separator: "\n")
        guard let size = KernelText.value(of: "MemTotal:", in: lines),
            let free = KernelText.value(of: "MemFree:", in: lines)
        else { return nil }
        self.number = number
        self.size = size
        self.free = free
        available = ["Active(file):", "Inactive(file):"].reduce(free) {
            $0 + (KernelText.value(of: $1, in: lines) ?? 0)
        }
    }

    /// The nodes that have memory, by number; one that stands for all of it where the host knows no nodes.
    public static var withMemory: [UInt32] {
        guard let text = KernelText.read(directory.appending("has_memory")) else { return [0] }
        return numbers(in: text)
    }

    /// - Parameter list: such as `0-1,4`.
    static func numbers(in list: String) -> [UInt32] {
        list.split(whereSeparator: { $0 == "," || $0 == "\n" }).flatMap { part -> [UInt32] in
            let ends = part.split(separator: "-").compactMap { UInt32($0) }
            guard let lower = ends.first, let upper = ends.last, lower <= upper, upper < 65536 else { return [] }
            return Array(lower...upper)
        }
    }
}
