import Host
import KernelLayout
import SystemPackage

/// What a machine boots: an unpacked kernel and an initial RAM disk, both open. They are read at the start and again at
/// each reset.
public struct BootSource: Sendable {
    /// An open initial RAM disk.
    public struct InitialRAMDisk: Sendable {
        public var descriptor: FileDescriptor
        /// Its bytes.
        public var size: UInt64

        public init(descriptor: FileDescriptor, size: UInt64) {
            self.descriptor = descriptor
            self.size = size
        }

        /// Opens a file, for as long as the process lives.
        ///
        /// - Throws: `MachineError.host` where it can't be read.
        public init(opening path: String) throws(MachineError) {
            (descriptor, size) = try MachineError.calling(MachineError.host) { () throws(SystemCallError) in
                let file = try OwnedFileDescriptor(opening: FilePath(path), .readOnly)
                let size: Int64
                do {
                    size = try file.descriptor.seek(offset: 0, from: .end)
                } catch {
                    throw SystemCallError("lseek", error as? Errno ?? .ioError, subject: path)
                }
                return (file.release(), UInt64(size))
            }
        }
    }

    /// The kernel, an ELF file.
    public var kernel: FileDescriptor
    /// Where the kernel's parts go.
    public var layout: KernelLayout
    public var initialRAMDisk: InitialRAMDisk?

    /// - Parameters: descriptors that stay the caller's, and stay open until the machine has ended.
    public init(kernel: FileDescriptor, layout: KernelLayout, initialRAMDisk: InitialRAMDisk? = nil) {
        self.kernel = kernel
        self.layout = layout
        self.initialRAMDisk = initialRAMDisk
    }

    /// - Parameters: owners of descriptors that live until the machine has ended.
    public init(kernel: borrowing OwnedFileDescriptor, layout: KernelLayout, initialRAMDisk: InitialRAMDisk? = nil) {
        self.init(kernel: kernel.descriptor, layout: layout, initialRAMDisk: initialRAMDisk)
    }
}
