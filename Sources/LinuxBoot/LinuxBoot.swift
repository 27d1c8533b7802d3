import GuestMemory
import KernelLayout

/// A Linux kernel, and all that it is told, on the way into guest memory.
///
/// The kernel is entered by the 64-bit boot protocol, in long mode, as a boot loader that has unpacked it would.
public struct LinuxBoot: Sendable {
    /// An initial RAM disk.
    public struct Initrd: Sendable {
        public var file: any BootFile
        /// Its size in bytes; all of the file is loaded.
        public var size: UInt64

        public init(file: any BootFile, size: UInt64) {
            self.file = file
            self.size = size
        }
    }

    /// Where the kernel's segments go.
    public var kernel: KernelLayout
    /// The unpacked kernel that the layout describes.
    public var kernelFile: any BootFile
    /// The initial RAM disk; nil or empty for none.
    public var initrd: Initrd?
    /// The kernel's command line, at most `commandLineLimit` bytes.
    public var commandLine: String
    /// Boot memory. It starts at address 0 and includes the addresses from 640 KiB to 1 MiB; ranges may touch.
    public var memory: [MemoryRange]
    /// What the ACPI tables describe; nil for a guest without ACPI.
    public var acpi: ACPIPlatform?
    /// The pages of the first page tables.
    public var identityMap: IdentityMap

    /// How many bytes a command line may have, without the terminating zero (`COMMAND_LINE_SIZE` on x86 with it).
    public static let commandLineLimit = 2047

    public init(
        kernel: KernelLayout, kernelFile: any BootFile, initrd: Initrd? = nil, commandLine: String,
        memory: [MemoryRange], acpi: ACPIPlatform? = nil, identityMap: IdentityMap = .twoMebibytePages
    ) {
        self.kernel = kernel
        self.kernelFile = kernelFile
        self.initrd = initrd
        self.commandLine = commandLine
        self.memory = memory
        self.acpi = acpi
        self.identityMap = identityMap
    }

    /// Checks all that can be checked before anything is written.
    ///
    /// - Throws: what `load(into:)` throws, but for files that can't be read and memory that can't be written.
    public func check() throws(BootError) {
        _ = try placement()
        _ = try acpiTables()
    }

    /// Puts the kernel and what it is told into guest memory.
    ///
    /// - Parameter guestMemory: reads as zero where boot memory lies: fresh, or discarded since. (What a segment has
    ///   beyond the bytes in the file is not written, so that it costs no memory before the kernel uses it.)
    /// - Returns: what the bootstrap processor's registers hold at the entry.
    /// - Throws: `BootError`. Nothing has been written where the mistake is one that `check()` finds.
    public func load(into guestMemory: GuestMemory) throws(BootError) -> BootState {
        let placement = try placement()
        let tables = try acpiTables()

        for segment in kernel.segments where segment.fileSize > 0 {
            try kernelFile.load(
                fileOffset: segment.fileOffset, count: segment.fileSize, into: guestMemory,
                at: GuestAddress(segment.address))
        }
        if let initrd, !placement.initrd.isEmpty {
            try initrd.file.load(
                fileOffset: 0, count: initrd.size, into: guestMemory, at: GuestAddress(placement.initrd.lowerBound))
        }
        let parameters = BootParameters(
            memoryMap: placement.memoryMap, commandLineAddress: LowMemory.commandLine,
            commandLineLimit: Self.commandLineLimit, initrd: placement.initrd,
            acpiRootPointer: tables == nil ? 0 : LowMemory.acpi)
        let descriptors = Self.descriptorTable()
        try write(parameters.bytes(), at: LowMemory.bootParameters, into: guestMemory)
        try write(Array(commandLine.utf8) + [0], at: LowMemory.commandLine, into: guestMemory)
        try write(descriptors, at: LowMemory.gdt, into: guestMemory)
        try write(identityMap.bytes(at: LowMemory.pageTables), at: LowMemory.pageTables, into: guestMemory)
        try write(ResetStub.code, at: LowMemory.resetVector, into: guestMemory)
        if let tables {
            try write(tables.bytes, at: LowMemory.acpi, into: guestMemory)
        }
        return BootState(
            rip: kernel.entry, rsi: LowMemory.bootParameters, rsp: LowMemory.stackTop, cr3: LowMemory.pageTables,
            gdtBase: LowMemory.gdt, gdtLimit: UInt16(descriptors.count - 1))
    }

    private func acpiTables() throws(BootError) -> ACPITables? {
        guard let acpi else { return nil }
        return try ACPITables(acpi, at: LowMemory.acpi, limit: LowMemory.resetVector - LowMemory.acpi)
    }

    /// The global descriptor table: null, unused, code, data, and a task state segment of two entries.
    private static func descriptorTable() -> [UInt8] {
        var bytes: [UInt8] = []
        for entry in [0, 0, SegmentState.bootCode.descriptor, SegmentState.bootData.descriptor] {
            bytes.append(littleEndian: entry)
        }
        bytes.append(littleEndian: SegmentState.bootTask.descriptor)
        bytes.append(littleEndian: UInt64(0))
        return bytes
    }

    private func write(_ bytes: [UInt8], at address: UInt64, into memory: GuestMemory) throws(BootError) {
        do throws(GuestMemoryError) {
            try memory.write(bytes, at: GuestAddress(address))
        } catch {
            throw .memory(error)
        }
    }
}
