import Host
import SystemPackage

/// The most memory that a process may have: by a control group of its own (cgroups(7), version 2), which goes with it.
struct MemoryLimit {
    let process: Int32

    private static let root = FilePath("/sys/fs/cgroup")

    init(of process: Int32) { self.process = process }

    private var group: FilePath { Self.root.appending("swiftlet-test-\(process)") }

    /// - Parameter bytes: nil for no limit.
    /// - Throws: `RunnerError` where this host can't do it.
    func set(_ bytes: UInt64?) throws {
        do {
            try? write("+memory", to: Self.root.appending("cgroup.subtree_control"))
            try group.createDirectories()
            try write("\(process)", to: group.appending("cgroup.procs"))
            try write(bytes.map { "\($0)" } ?? "max", to: group.appending("memory.max"))
        } catch {
            throw RunnerError(
                "inject: memory-limit needs root and control groups of version 2 at \(Self.root): \(error)")
        }
    }

    /// Removes the group of a process that has ended.
    func remove() { try? group.removeDirectory() }

    private func write(_ text: String, to path: FilePath) throws {
        let file = try OwnedFileDescriptor(opening: path, .writeOnly)
        try file.descriptor.writeAll(text.utf8)
    }
}
