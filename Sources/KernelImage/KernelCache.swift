import Host
import SystemPackage

/// Unpacked kernels in a directory, so that a kernel is unpacked once and not at each start.
///
/// - `DIGEST/vmlinux` is a kernel, under the SHA-256 of what it was unpacked from: all copies of a kernel have one, and all
///   machines that run it share its pages in the host's memory.
/// - `DIGEST/seal` tells what it was like then: one that was changed since is not used.
/// - `of-IDENTITY` leads from a kernel's file, as it is now, to its digest, so that a start does not read all of it.
///
/// Any number of processes may use it at once: a kernel is written under a name of its own, which changes when it is
/// whole. Nothing is used that another user can have written.
public struct KernelCache: Sendable {
    static let temporaryPrefix = ".unpacking"
    static let linkPrefix = "of-"
    private static let kernelName = "vmlinux"
    private static let sealName = "seal"
    /// How often a name is tried that others take as well.
    private static let attempts = 16

    /// A kernel that is there.
    struct Kernel: ~Copyable {
        /// Open for reading.
        let descriptor: OwnedFileDescriptor
        /// Where it has long runs of zeroes, as offsets, in order.
        let zeroes: [Range<UInt64>]
    }

    /// A kernel that was stored.
    struct Stored: ~Copyable {
        let kernel: Kernel
        let digest: String
    }

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

    /// Why the directory must not be used, in words; nil where it may be, or is not there yet.
    var danger: String? {
        guard let status = try? Stat(directory), !status.isSafeFromOthers else { return nil }
        return status.isOthers
            ? "\(directory) belongs to another user" : "other users may write to \(directory) (chmod go-w mends that)"
    }

    /// The kernel that was unpacked from a file, if it is there as it was stored.
    ///
    /// - Parameter identity: the file's, as it is now.
    func lookUp(identity: String, size: UInt64) -> Kernel? {
        guard let digest = try? link(of: identity).symbolicLinkTarget(), Self.isDigest(digest) else { return nil }
        return lookUp(digest: digest, size: size)
    }

    /// The same for what its compressed data have as digest.
    func lookUp(digest: String, size: UInt64) -> Kernel? {
        let place = directory.appending(digest)
        guard let kernel = try? OwnedFileDescriptor(opening: place.appending(Self.kernelName), .readOnly),
            let status = try? kernel.descriptor.stat(), status.type == .regular, status.size == Int64(size),
            status.isSafeFromOthers,
            let seal = try? OwnedFileDescriptor(opening: place.appending(Self.sealName), .readOnly),
            let text = try? seal.descriptor.bytes(count: KernelSeal.longest, at: 0),
            let zeroes = KernelSeal.zeroes(String(decoding: text, as: UTF8.self), of: status)
        else { return nil }
        return Kernel(descriptor: kernel, zeroes: zeroes)
    }

    /// Takes note of what a file's compressed data have as digest. Who can't, reads all of the file again the next time.
    func note(_ digest: String, for identity: String) {
        let temporary = directory.appending(
            Self.temporaryPrefix + "-" + String(UInt64.random(in: 0...(.max)), radix: 36))
        do throws(SystemCallError) {
            try temporary.makeSymbolicLink(to: digest)
            try temporary.renameFile(to: link(of: identity))
        } catch {
            try? temporary.removeFile()
        }
    }

    /// Stores a kernel.
    ///
    /// - Parameters:
    ///   - size: its bytes.
    ///   - write: writes it to a descriptor, which can be read from too, checks it, and returns what was found out.
    /// - Throws: what `write` throws, or `KernelPayload.Failure.output` for a directory that can't be written to.
    func store(
        size: UInt64, _ write: (FileDescriptor) throws(KernelPayload.Failure) -> KernelPayload.Findings
    ) throws(KernelPayload.Failure) -> Stored {
        let temporary = try KernelPayload.Failure.output { () throws(SystemCallError) in
            try directory.createDirectories()
            return try FilePath.makeTemporaryDirectory(Self.temporaryPrefix, in: directory)
        }
        do throws(KernelPayload.Failure) {
            let stored = try fill(temporary, write)
            let digest = stored.digest
            try KernelPayload.Failure.output { () throws(SystemCallError) in
                try publish(temporary, as: digest, size: size)
            }
            prune()
            if let kernel = lookUp(digest: digest, size: size) {
                return Stored(kernel: kernel, digest: digest)
            }
            return stored
        } catch {
            try? temporary.removeDirectoryWithFiles()
            throw error
        }
    }

    /// Writes a kernel to a new file, down to the disk: a cache must not serve what a power cut left.
    private func fill(
        _ place: FilePath, _ write: (FileDescriptor) throws(KernelPayload.Failure) -> KernelPayload.Findings
    ) throws(KernelPayload.Failure) -> Stored {
        let path = place.appending(Self.kernelName)
        let writer = try KernelPayload.Failure.output { () throws(SystemCallError) in
            try OwnedFileDescriptor(
                opening: path, .readWrite, options: [.create, .exclusiveCreate], permissions: .ownerRead)
        }
        let findings = try write(writer.descriptor)
        let kernel = try KernelPayload.Failure.output { () throws(SystemCallError) in
            try writer.synchronize()
            let kernel = try OwnedFileDescriptor(opening: path, .readOnly)
            try seal(kernel, findings.zeroes, in: place)
            return kernel
        }
        return Stored(kernel: Kernel(descriptor: kernel, zeroes: findings.zeroes), digest: findings.digest)
    }

    private func seal(
        _ kernel: borrowing OwnedFileDescriptor, _ zeroes: [Range<UInt64>], in place: FilePath
    ) throws(SystemCallError) {
        let status: Stat
        do {
            status = try kernel.descriptor.stat()
        } catch {
            throw SystemCallError("fstat", error)
        }
        let file = try OwnedFileDescriptor(
            opening: place.appending(Self.sealName), .writeOnly, options: [.create, .exclusiveCreate],
            permissions: .ownerRead)
        try file.descriptor.write(all: Array(KernelSeal(status, zeroes: zeroes).text.utf8)[...])
    }

    /// Gives a directory with a kernel its name, unless another process was faster: its kernel is as good. What is
    /// damaged goes.
    private func publish(_ temporary: FilePath, as digest: String, size: UInt64) throws(SystemCallError) {
        let place = directory.appending(digest)
        var attempts = Self.attempts
        while true {
            do throws(SystemCallError) {
                return try temporary.renameFile(to: place)
            } catch {
                guard [.directoryNotEmpty, .fileExists].contains(error.errno), attempts > 0 else { throw error }
                attempts -= 1
            }
            if lookUp(digest: digest, size: size) != nil {
                return try temporary.removeDirectoryWithFiles()
            }
            try? place.removeDirectoryWithFiles()
        }
    }

    private func link(of identity: String) -> FilePath { directory.appending(Self.linkPrefix + identity) }

    /// Whether a name in the directory is a kernel's.
    static func isDigest(_ name: String) -> Bool {
        name.utf8.count == 64 && name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}
