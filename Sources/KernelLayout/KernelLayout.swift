/// Where the parts of an unpacked kernel go in guest memory: all that a VMM needs to load an ELF kernel without
/// reading ELF itself.
///
/// The front end reads it from the kernel's program headers once; it travels to the process that holds the guest
/// together with a descriptor of the unpacked kernel.
public struct KernelLayout: Sendable, Equatable {
    /// One loadable part of the kernel (an ELF program header of type `PT_LOAD`).
    public struct Segment: Sendable, Equatable {
        /// Where the segment's bytes begin in the unpacked kernel, in bytes.
        public var fileOffset: UInt64
        /// How many bytes the unpacked kernel holds for it.
        public var fileSize: UInt64
        /// Guest-physical address that it is loaded at.
        public var address: UInt64
        /// Bytes that it occupies in guest memory; what exceeds `fileSize` is zero.
        public var memorySize: UInt64

        public init(fileOffset: UInt64, fileSize: UInt64, address: UInt64, memorySize: UInt64) {
            self.fileOffset = fileOffset
            self.fileSize = fileSize
            self.address = address
            self.memorySize = memorySize
        }
    }

    /// Guest-physical address of the 64-bit entry point.
    public var entry: UInt64
    /// The loadable segments, in the order of their addresses; they do not overlap.
    public var segments: [Segment]

    public init(entry: UInt64, segments: [Segment]) {
        self.entry = entry
        self.segments = segments
    }

    /// One past the highest guest-physical address that a segment occupies; 0 without segments.
    public var end: UInt64 {
        segments.map { $0.address + $0.memorySize }.max() ?? 0
    }
}
