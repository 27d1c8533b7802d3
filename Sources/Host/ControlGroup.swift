import SystemPackage

/// A memory cgroup that the process is in, or one above it (cgroups(7)).
public struct ControlGroup: Sendable, Equatable {
    /// Its directory.
    public let path: FilePath
    /// The most memory that it may use, in bytes.
    public let limit: UInt64
    /// What it uses, in bytes.
    public let usage: UInt64
    /// The part of that which is a cache of files, in bytes, and can make room.
    public let cache: UInt64

    /// Bytes that can still be taken.
    public var room: UInt64 {
        let taken = usage > cache ? usage - cache : 0
        return limit > taken ? limit - taken : 0
    }

    /// Limits that nobody means: version 1 shows a number close to 2^63 where there is none.
    private static let unlimited: UInt64 = 1 << 60

    /// Those that have a limit, from the process's own upwards, of both versions of cgroups.
    public static func limited() -> [ControlGroup] {
        guard let groups = KernelText.read("/proc/self/cgroup"), let mounts = KernelText.read("/proc/self/mountinfo")
        else { return [] }
        return limited(groups: groups, mounts: mounts)
    }

    /// - Parameters:
    ///   - groups: the text of `/proc/self/cgroup`.
    ///   - mounts: the text of `/proc/self/mountinfo`.
    static func limited(groups: String, mounts: String) -> [ControlGroup] {
        var found: [ControlGroup] = []
        for line in groups.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let isUnified = parts[1].isEmpty
            guard isUnified || parts[1].split(separator: ",").contains("memory"),
                let mount = Mount.find(in: mounts, unified: isUnified)
            else { continue }
            var directory = mount.directory(of: String(parts[2]))
            while true {
                if let group = ControlGroup(directory, isUnified: isUnified) {
                    found.append(group)
                }
                guard directory != mount.point, !directory.isEmpty, directory.lastComponent != nil else { break }
                directory.removeLastComponent()
            }
        }
        return found
    }

    /// - Returns: nil for one without a limit.
    private init?(_ directory: FilePath, isUnified: Bool) {
        let names = isUnified ? ("memory.max", "memory.current") : ("memory.limit_in_bytes", "memory.usage_in_bytes")
        guard let limit = KernelText.number(directory.appending(names.0)), limit < Self.unlimited,
            let usage = KernelText.number(directory.appending(names.1))
        else { return nil }
        path = directory
        self.limit = limit
        self.usage = usage
        let statistics = KernelText.read(directory.appending("memory.stat")) ?? ""
        cache = ["inactive_file", "active_file"].reduce(0) { sum, key in
            // Version 1 counts those below it apart.
            let value =
                KernelText.value(of: isUnified ? key : "total_" + key, in: statistics)
                ?? KernelText.value(of: key, in: statistics)
            return sum + min(value ?? 0, usage)
        }
    }

    private struct Mount {
        /// The cgroup that is the mount's top.
        let root: FilePath
        let point: FilePath

        static func find(in mounts: String, unified: Bool) -> Mount? {
            for line in mounts.split(separator: "\n") {
                // 36 35 98:0 /root /point options - type source options (proc(5))
                let words = line.split(separator: " ")
                guard let dash = words.firstIndex(of: "-"), dash >= 5, words.count > dash + 3 else { continue }
                let isMatch =
                    unified
                    ? words[dash + 1] == "cgroup2"
                    : words[dash + 1] == "cgroup" && words[dash + 3].split(separator: ",").contains("memory")
                if isMatch {
                    return Mount(root: FilePath(String(words[3])), point: FilePath(String(words[4])))
                }
            }
            return nil
        }

        /// Where a cgroup of the process is. One outside of the mount can't be seen; its top is the best guess.
        func directory(of group: String) -> FilePath {
            var relative = FilePath(group)
            guard relative.removePrefix(root) else { return point }
            return point.appending(relative.components)
        }
    }
}
