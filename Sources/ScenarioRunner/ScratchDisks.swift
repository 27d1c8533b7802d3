import Control
import Host
import SystemPackage

/// Disks that a scenario has for its run only: empty images in a place of the run's own.
struct ScratchDisks {
    /// What stands for that place in a scenario, until it is known. No path has it.
    static let place = "//scratch"
    /// Bytes of an image, which take no room before they are written.
    private static let size: Int64 = 4 << 30

    /// The machine's options, with the images in place.
    let arguments: [String]

    /// - Throws: `SystemCallError`, `Errno` where an image can't be made.
    init(_ machine: MachineFile, in directory: FilePath) throws {
        var names: Set<String> = []
        arguments = machine.arguments(beside: []).map { argument in
            let parts = argument.split(separator: Self.place + "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { return argument }
            let name = String(parts[1].prefix { $0 != "," && $0 != "/" })
            names.insert(name)
            return parts[0] + directory.appending(name).string + parts[1].dropFirst(name.count)
        }
        for name in names where !name.isEmpty {
            let file = try OwnedFileDescriptor(
                opening: directory.appending(name), .readWrite, options: [.create], permissions: .ownerReadWrite)
            try file.descriptor.resize(to: Self.size)
        }
    }
}
