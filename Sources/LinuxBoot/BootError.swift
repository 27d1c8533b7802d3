import GuestMemory

/// Why a kernel can't be put into guest memory.
public enum BootError: Error, Sendable, Equatable {
    /// There is no boot memory from address 0 to 1 MiB and beyond, where what the kernel is told is put.
    case noLowMemory
    /// More separate ranges of boot memory than boot parameters can describe.
    case tooManyMemoryRanges(count: Int, limit: Int)
    /// The kernel has nothing to load.
    case kernelHasNoSegments
    /// A segment holds more bytes in the file than in memory, or reaches beyond the address space.
    case kernelSegmentMalformed(KernelRange)
    /// A segment does not lie in boot memory above the first MiB.
    case kernelOutsideMemory(KernelRange, memory: UInt64)
    /// The entry point lies in no segment.
    case kernelEntryOutsideSegments(UInt64)
    /// The initial RAM disk does not fit beside the kernel into memory below 4 GiB. All in bytes.
    case initrdTooBig(size: UInt64, available: UInt64, memory: UInt64)
    /// The command line is longer than the kernel takes. In bytes, without the terminating zero.
    case commandLineTooLong(length: Int, limit: Int)
    /// A zero byte in the command line would end it early.
    case commandLineHasZeroByte(offset: Int)
    /// The ACPI tables do not fit into the memory that firmware has for them. In bytes.
    case acpiTablesTooBig(size: UInt64, limit: UInt64)
    /// A file could not be read.
    case unreadable(BootFileKind, reason: String)
    /// Guest memory could not be written.
    case memory(GuestMemoryError)

    /// What a segment occupies: guest-physical address, and bytes in memory and in the file.
    public struct KernelRange: Sendable, Equatable {
        public var address: UInt64
        public var memorySize: UInt64
        public var fileSize: UInt64

        public init(address: UInt64, memorySize: UInt64, fileSize: UInt64) {
            self.address = address
            self.memorySize = memorySize
            self.fileSize = fileSize
        }
    }
}

/// Which of the files that are loaded at boot.
public enum BootFileKind: String, Sendable {
    case kernel
    case initrd
}
