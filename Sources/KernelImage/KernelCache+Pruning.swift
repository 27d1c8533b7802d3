import Host
import SystemPackage

/// What is removed, so that the cache does not grow for ever.
extension KernelCache {
    /// How many unpacked kernels are kept; each has 50 to 70 MB.
    static let capacity = 8
    /// How many files are known to hold them.
    static let linkCapacity = 64
    /// After so many seconds, what a process that was killed left half-written is removed.
    static let abandonedAfter = 3600

    /// Removes the oldest kernels beyond the capacity, links to kernels that are gone, and what was abandoned. What is
    /// none of these is left alone. Nobody is told of a failure: the cache is then larger than it should be, and the next
    /// one tries again.
    func prune() {
        var kernels: [(path: FilePath, changed: Int)] = []
        var links: [(path: FilePath, changed: Int)] = []
        let now = Int(WallClock.microseconds() / 1_000_000)
        for name in (try? directory.directoryEntries()) ?? [] {
            let path = directory.appending(name)
            guard let status = try? Stat(path, followTargetSymlink: false) else { continue }
            let changed = status.st_mtim.tv_sec
            if name.hasPrefix(Self.temporaryPrefix) {
                if now - changed > Self.abandonedAfter {
                    remove(path, status)
                }
            } else if name.hasPrefix(Self.linkPrefix), status.type == .symbolicLink {
                links.append((path, changed))
            } else if Self.isDigest(name), status.type == .directory {
                kernels.append((path, changed))
            }
        }
        for kernel in kernels.sorted(by: { $0.changed > $1.changed }).dropFirst(Self.capacity) {
            try? kernel.path.removeDirectoryWithFiles()
        }
        for (number, link) in links.sorted(by: { $0.changed > $1.changed }).enumerated()
        where number >= Self.linkCapacity || (try? Stat(link.path)) == nil {
            try? link.path.removeFile()
        }
    }

    private func remove(_ path: FilePath, _ status: Stat) {
        if status.type == .directory {
            try? path.removeDirectoryWithFiles()
        } else {
            try? path.removeFile()
        }
    }
}
