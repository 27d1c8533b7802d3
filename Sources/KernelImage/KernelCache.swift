import Host
import SystemPackage

/// Unpacked kernels in a directory, so that a kernel is unpacked once and not at each start.
///
/// Any number of processes may use it at once: a kernel is written under a name of its own and renamed when it is
/// whole. The newest `capacity` kernels are kept.
public struct KernelCache: Sendable {
    /// How many unpacked kernels are kept; each has 50 to 70 MB.
    static let capacity = 8
    /// After so many seconds, what a process that was killed left half-written is removed.
    static let abandonedAfter = 3600

    private static let temporaryPrefix = ".unpacking-"

    /// Where the kernels are.
    public let directory: FilePath

    /// - Parameter root: the directory for everything that Swiftlet keeps: see `standardRoot`.
    public init(root: FilePath) {
        directory = root.appending("kernels")
    }

    /// The directory for everything that Swiftlet keeps: `SWIFTLET_CACHE`, or `swiftlet` in `XDG_CACHE_HOME`, or
    /// `.cache/swiftlet` in `HOME`; nil where none of these variables is set.
    public static var standardRoot: FilePath? {
        if let root = environmentVariable("SWIFTLET_CACHE") {
            return FilePath(root)
        }
        if let caches = environmentVariable("XDG_CACHE_HOME") {
            return FilePath(caches).appending("swiftlet")
        }
        return environmentVariable("HOME").map { FilePath($0).appending(".cache").appending("swiftlet") }
    }

    /// The kernel that was stored under a key, if it is there and has the right size.
    func lookUp(_ key: String, size: UInt64) -> OwnedFileDescriptor? {
        guard let file = try? OwnedFileDescriptor(opening: directory.appending(key), .readOnly),
            let status = try? file.descriptor.stat(), status.type == .regular, status.size == Int64(size)
        else { return nil }
        return file
    }

    /// Stores a kernel under a key.
    ///
    /// - Parameters:
    ///   - write: writes it to a descriptor, which can be read from too, and checks it.
    /// - Returns: the kernel, open for reading.
    /// - Throws: what `write` throws, or `KernelPayload.Failure.output` for a directory that can't be written to.
    func store(
        _ key: String, write: (FileDescriptor) throws(KernelPayload.Failure) -> Void
    ) throws(KernelPayload.Failure) -> OwnedFileDescriptor {
        let number = UInt64.random(in: 0...(.max))
        let temporary = directory.appending(Self.temporaryPrefix + String(number, radix: 36))
        do throws(KernelPayload.Failure) {
            let kernel = try fill(temporary, write)
            try KernelPayload.Failure.output { () throws(SystemCallError) in
                try temporary.renameFile(to: directory.appending(key))
            }
            prune()
            return kernel
        } catch {
            try? temporary.removeFile()
            throw error
        }
    }

    /// Writes a kernel to a new file, down to the disk: a cache must not serve what a power cut left.
    private func fill(
        _ path: FilePath, _ write: (FileDescriptor) throws(KernelPayload.Failure) -> Void
    ) throws(KernelPayload.Failure) -> OwnedFileDescriptor {
        let writer = try KernelPayload.Failure.output { () throws(SystemCallError) in
            try directory.createDirectories()
            return try OwnedFileDescriptor(
                opening: path, .readWrite, options: [.create, .exclusiveCreate], permissions: .ownerReadWrite)
        }
        try write(writer.descriptor)
        return try KernelPayload.Failure.output { () throws(SystemCallError) in
            try writer.synchronize()
            return try OwnedFileDescriptor(opening: path, .readOnly)
        }
    }

    /// Removes the oldest kernels beyond the capacity and what was abandoned. Nobody is told of a failure: the cache
    /// is then larger than it should be, and the next one tries again.
    private func prune() {
        var kernels: [(path: FilePath, changed: Int)] = []
        let now = Int(WallClock.microseconds() / 1_000_000)
        for name in (try? directory.directoryEntries()) ?? [] {
            let path = directory.appending(name)
            guard let status = try? Stat(path, followTargetSymlink: false), status.type == .regular else { continue }
            let changed = status.st_mtim.tv_sec
            if !name.hasPrefix(Self.temporaryPrefix) {
                kernels.append((path, changed))
            } else if now - changed > Self.abandonedAfter {
                try? path.removeFile()
            }
        }
        for kernel in kernels.sorted(by: { $0.changed > $1.changed }).dropFirst(Self.capacity) {
            try? kernel.path.removeFile()
        }
    }
}
