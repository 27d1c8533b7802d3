import Host

/// A contiguous range of guest-physical addresses and the host memory behind it.
public final class GuestMemoryRegion: Sendable {
    /// What it is called where slots are listed: `ram`, or the id of a memory device.
    public let name: String
    /// Its first guest-physical address.
    public let start: GuestAddress
    /// The host memory behind it.
    public let mapping: MemoryMapping

    /// Host addresses share this many low bits with guest-physical ones, so that KVM can map the largest pages.
    public static let alignment: UInt64 = 1 << 30

    /// Its size in bytes.
    public var size: UInt64 { mapping.size }

    /// Its guest-physical addresses. A region never reaches the end of the 64-bit address space.
    public var addresses: Range<UInt64> { start.rawValue..<(start.rawValue + size) }

    /// Where the process has it.
    public var hostAddress: UInt64 { unsafe UInt64(UInt(bitPattern: mapping.base)) }

    /// Makes a region of fresh memory that reads as zero.
    ///
    /// - Parameters:
    ///   - size: bytes, a multiple of the page size, not zero.
    ///   - backing: what it is made of.
    ///   - protection: what may be done with it at first.
    /// - Throws: `SystemCallError` where the host can't map that much; EINVAL for a region beyond the end of the
    ///   address space.
    public init(
        name: String, start: GuestAddress, size: UInt64, backing: MemoryBacking = MemoryBacking(),
        protection: MemoryMapping.Protection = .readWrite
    ) throws(SystemCallError) {
        guard start.advanced(by: size) != nil else {
            throw SystemCallError("mmap", .invalidArgument, subject: "\(size) bytes of guest memory at \(start)")
        }
        self.name = name
        self.start = start
        mapping = try MemoryMapping(
            size, backing, alignment: Self.alignment, congruentTo: start.rawValue, protection: protection)
    }
}
