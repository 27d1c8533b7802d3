import Host
import KernelLayout
import SystemPackage

/// A kernel that is ready to be loaded: unpacked, open, and with its layout known and checked.
public struct KernelImage: ~Copyable {
    /// The unpacked kernel, an ELF file, open for reading.
    public let descriptor: OwnedFileDescriptor
    /// Where its parts go in guest memory.
    public let layout: KernelLayout
    /// Why the unpacked kernel could not be kept for the next time; nil where it was, or needed not be.
    public let cacheProblem: String?

    /// Opens a kernel: a bzImage, which is unpacked unless the cache has it, or an ELF file as it is.
    ///
    /// - Parameters:
    ///   - path: the kernel's file.
    ///   - cache: where unpacked kernels are kept. Without one, or where it can't be written to, the kernel is
    ///     unpacked into memory.
    public init(opening path: FilePath, cache: KernelCache?) throws(KernelImageError) {
        do throws(KernelImageError.Reason) {
            self = try Self.open(try KernelFile(opening: path), cache: cache)
        } catch {
            throw KernelImageError(path.string, error)
        }
    }

    /// The same for a path that is a string, with the cache that `swiftlet run` uses.
    public init(opening path: String) throws(KernelImageError) {
        try self.init(opening: FilePath(path), cache: KernelCache.standardRoot.map { KernelCache(root: $0) })
    }

    /// Gives the descriptor away, to somebody who keeps it longer than this value lives.
    public consuming func takeDescriptor() -> OwnedFileDescriptor {
        descriptor
    }

    private init(_ descriptor: consuming OwnedFileDescriptor, _ layout: KernelLayout, cacheProblem: String? = nil) {
        self.descriptor = descriptor
        self.layout = layout
        self.cacheProblem = cacheProblem
    }

    private static let elfSignature: [UInt8] = [0x7f, 0x45, 0x4c, 0x46]

    private static func open(
        _ file: consuming KernelFile, cache: KernelCache?
    ) throws(KernelImageError.Reason) -> KernelImage {
        let start = try file.bytes(count: BootHeader.length, at: 0)
        if let header = try BootHeader(start, fileSize: file.size) {
            return try unpacked(try KernelPayload(header, in: file), of: file, cache: cache)
        }
        guard start.starts(with: elfSignature) else { throw .notAKernel }
        let layout = try KernelLayout(elf: file.descriptor.descriptor, fileSize: file.size)
        return KernelImage(file.descriptor, layout)
    }

    private static func unpacked(
        _ payload: KernelPayload, of file: borrowing KernelFile, cache: KernelCache?
    ) throws(KernelImageError.Reason) -> KernelImage {
        var problem: String?
        if let cache {
            problem = cache.danger
            if problem == nil {
                do throws(KernelPayload.Failure) {
                    return try kept(payload, of: file, in: cache)
                } catch {
                    switch error {
                    case .image(let reason): throw reason
                    case .output(let error): problem = error.description
                    }
                }
            }
        }
        do throws(KernelPayload.Failure) {
            let memory = try KernelPayload.Failure.output { () throws(SystemCallError) in
                try OwnedFileDescriptor(memoryFile: "kernel")
            }
            let unpacked = try unpack(payload, from: file, into: memory.descriptor)
            let layout = unpacked.layout.leavingOut(unpacked.findings.zeroes)
            try KernelPayload.Failure.output { () throws(SystemCallError) in try memory.seal() }
            return KernelImage(memory, layout, cacheProblem: problem)
        } catch {
            switch error {
            case .image(let reason): throw reason
            case .output(let error):
                throw .cannotUnpack([problem, error.description].compactMap(\.self).joined(separator: "; "))
            }
        }
    }

    /// The unpacked kernel from the cache, where it is put if it is not there.
    private static func kept(
        _ payload: KernelPayload, of file: borrowing KernelFile, in cache: KernelCache
    ) throws(KernelPayload.Failure) -> KernelImage {
        let size = payload.unpackedSize
        if let kernel = cache.lookUp(identity: file.identity, size: size) {
            // One that is damaged after all is as good as none.
            if let image = try? KernelImage(kernel, size: size) { return image }
        }
        if let digest = try? payload.digest(in: file), let kernel = cache.lookUp(digest: digest, size: size),
            let image = try? KernelImage(kernel, size: size)
        {
            cache.note(digest, for: file.identity)
            return image
        }
        let stored = try cache.store(size: size) { output throws(KernelPayload.Failure) in
            try unpack(payload, from: file, into: output).findings
        }
        cache.note(stored.digest, for: file.identity)
        do throws(KernelImageError.Reason) {
            return try KernelImage(stored.kernel, size: size)
        } catch {
            throw .image(error)
        }
    }

    /// A kernel of the cache.
    private init(_ kernel: consuming KernelCache.Kernel, size: UInt64) throws(KernelImageError.Reason) {
        let layout = try KernelLayout(elf: kernel.descriptor.descriptor, fileSize: size).leavingOut(kernel.zeroes)
        self.init(kernel.descriptor, layout)
    }

    /// Unpacks a kernel and checks what came out.
    private static func unpack(
        _ payload: KernelPayload, from file: borrowing KernelFile, into output: FileDescriptor
    ) throws(KernelPayload.Failure) -> (layout: KernelLayout, findings: KernelPayload.Findings) {
        let findings = try payload.unpack(from: file, into: output)
        do throws(KernelImageError.Reason) {
            return (try KernelLayout(elf: output, fileSize: payload.unpackedSize), findings)
        } catch {
            throw .image(error == .notAKernel ? .damaged("what it unpacks to is not an ELF file") : error)
        }
    }
}
