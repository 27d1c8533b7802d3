import Configuration
import Host
import KernelImage
import KernelLayout
import SystemPackage

/// The kernel and the initial RAM disk of a guest, open and known to fit into its memory.
struct BootFiles {
    let kernel: LaunchRequest.Kernel
    let initialRAMDisk: LaunchRequest.InitialRAMDisk?
    /// The files that they were read from.
    let sources: [FilePath]
    /// What is odd about them.
    private(set) var warnings: [String] = []

    /// What goes along to the process that holds the guest.
    var descriptors: [FileDescriptor] {
        [kernel.descriptor, initialRAMDisk?.descriptor].compactMap { $0.map { FileDescriptor(rawValue: $0) } }
    }

    /// Opens what the user names or, without a kernel, the guest that `GuestImages/build` made.
    ///
    /// - Parameter memory: the machine's boot memory, in bytes.
    init(kernel kernelPath: String?, initialRAMDisk path: String?, memory: UInt64) throws {
        let root = KernelCache.standardRoot
        let path = path.map { FilePath($0) }
        let paths: (kernel: FilePath, initialRAMDisk: FilePath?)
        if let kernelPath {
            paths = (FilePath(kernelPath), path)
        } else {
            let guest = try DefaultGuest(root: root)
            paths = (guest.kernel, path ?? guest.initialRAMDisk)
        }
        sources = [paths.kernel] + (paths.initialRAMDisk.map { [$0] } ?? [])
        let image = try KernelImage(opening: paths.kernel, cache: root.map { KernelCache(root: $0) })
        if let problem = image.cacheProblem {
            warnings.append("the unpacked kernel can't be kept, so each start unpacks it again: \(problem)")
        }
        let layout = image.layout
        let descriptor = image.takeDescriptor().release()
        kernel = LaunchRequest.Kernel(descriptor: descriptor.rawValue, layout: layout)
        let room = try Self.room(beside: layout, at: paths.kernel, memory: memory)
        guard let path = paths.initialRAMDisk else {
            initialRAMDisk = nil
            return
        }
        let file = try RegularFile(opening: path, option: "--initrd")
        guard file.size <= room else {
            throw Refusal(
                "--initrd \(path): its size, \(ByteSize(file.size)), doesn't fit: beside the kernel, --memory"
                    + " \(ByteSize(memory)) has room for \(ByteSize(room))")
        }
        initialRAMDisk = LaunchRequest.InitialRAMDisk(descriptor: file.descriptor.rawValue, size: file.size)
    }

    /// The most bytes in one piece that the memory below 4 GiB has left beside a kernel; the first megabyte is the
    /// firmware's.
    private static func room(
        beside layout: KernelLayout, at path: FilePath, memory: UInt64
    ) throws -> UInt64 {
        let end = min(memory, Platform.lowMemoryEnd)
        guard layout.end <= end else {
            throw Refusal(
                "--kernel \(path): it is loaded up to \(ByteSize(layout.end)), which --memory \(ByteSize(memory))"
                    + " does not have")
        }
        var room: UInt64 = 0
        var start = Platform.bootMemoryUnit
        for segment in layout.segments {
            room = max(room, segment.address - start)
            start = segment.address + segment.memorySize
        }
        return max(room, end - start)
    }
}
