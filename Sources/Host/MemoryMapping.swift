import CLinux
import SystemPackage

/// A range of the process's address space that this value owns; it is unmapped when the value is gone.
///
/// Memory is private and anonymous. It counts against the host only where it is touched, is left out of core dumps
/// and of forked children, and may be backed by transparent huge pages.
@safe public struct MemoryMapping: ~Copyable, @unchecked Sendable {
    // Sendable: the address and size never change, and what the memory holds is shared with a guest anyway, so each
    // access goes through shims that expect it to change underneath them.

    /// Where the mapping begins.
    public let base: UnsafeMutableRawPointer
    /// Its size in bytes, a multiple of the page size.
    public let size: UInt64

    /// What may be done with a part of a mapping.
    public enum Protection: Sendable {
        /// Any access faults.
        case inaccessible
        /// It reads as zero, and takes no memory; a write faults.
        case zeroes
        case readWrite

        fileprivate var flags: CInt {
            switch self {
            case .inaccessible: PROT_NONE
            case .zeroes: PROT_READ
            case .readWrite: PROT_READ | PROT_WRITE
            }
        }
    }

    /// Maps fresh memory that reads as zero.
    ///
    /// - Parameters:
    ///   - size: bytes, a multiple of the page size, not zero.
    ///   - alignment: a power of two, at least the page size.
    ///   - offset: the base is congruent to it modulo `alignment`, so that guest-physical and host addresses share
    ///     their low bits and KVM can map huge pages.
    ///   - protection: of the whole mapping, at first.
    /// - Throws: `SystemCallError` (`mmap`: ENOMEM where the address space or the overcommit limit is exhausted).
    public init(
        anonymous size: UInt64, alignment: UInt64 = hostPageSize, congruentTo offset: UInt64 = 0,
        protection: Protection = .readWrite
    ) throws(SystemCallError) {
        precondition(alignment >= hostPageSize && alignment & (alignment - 1) == 0, "not a power of two")
        let (reserved, overflow) = size.addingReportingOverflow(alignment)
        guard size > 0, size % hostPageSize == 0, !overflow, let length = Int(exactly: reserved) else {
            throw SystemCallError("mmap", .invalidArgument, subject: "\(size) bytes of memory")
        }
        // More than is needed, so that an aligned part can be kept and the rest given back.
        var error: CInt = 0
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let start = unsafe cl_mmap(nil, length, protection.flags, flags, -1, 0, &error) else {
            throw SystemCallError("mmap", Errno(rawValue: -error), subject: "\(size) bytes of memory")
        }
        let address = UInt64(UInt(bitPattern: start))
        let head = (offset &- address) & (alignment - 1)
        let tail = alignment - head
        if head > 0 {
            _ = unsafe cl_munmap(start, Int(head))
        }
        unsafe base = start + Int(head)
        if tail > 0 {
            _ = unsafe cl_munmap(base + Int(size), Int(tail))
        }
        self.size = size
        // None of these can fail for a mapping of ours but for kernels built without the feature.
        for advice in [MADV_DONTDUMP, MADV_DONTFORK, MADV_HUGEPAGE] {
            _ = unsafe cl_madvise(base, Int(size), CInt(advice))
        }
    }

    deinit {
        _ = unsafe cl_munmap(base, Int(size))
    }

    /// Changes what may be done with a part of the mapping (`mprotect(2)`).
    ///
    /// - Throws: `SystemCallError`: ENOMEM where the process has too many mappings (`vm.max_map_count`).
    public func protect(_ range: Range<UInt64>, _ protection: Protection) throws(SystemCallError) {
        let result = unsafe cl_mprotect(pointer(to: range), Int(range.upperBound - range.lowerBound), protection.flags)
        if result < 0 {
            throw SystemCallError("mprotect", Errno(rawValue: -result))
        }
    }

    /// Gives the memory of a part of the mapping back to the host; it reads as zero afterwards (`MADV_DONTNEED`).
    public func discard(_ range: Range<UInt64>) throws(SystemCallError) {
        let result = unsafe cl_madvise(pointer(to: range), Int(range.upperBound - range.lowerBound), MADV_DONTNEED)
        if result < 0 {
            throw SystemCallError("madvise", Errno(rawValue: -result), subject: "MADV_DONTNEED")
        }
    }

    /// Takes memory from the host for all of an accessible part (`MADV_POPULATE_WRITE`).
    public func populate(_ range: Range<UInt64>) throws(SystemCallError) {
        let result = unsafe cl_madvise(pointer(to: range), Int(range.upperBound - range.lowerBound), 23)
        if result < 0 {
            throw SystemCallError("madvise", Errno(rawValue: -result), subject: "MADV_POPULATE_WRITE")
        }
    }

    /// Lets parts that get a protection of their own later be joined again: with one page populated before, all of
    /// them share one anonymous VMA root, and giving everything the same protection leaves a single mapping behind.
    ///
    /// - Throws: `SystemCallError` where the first page is not accessible, or no memory is left.
    public func joinLaterParts() throws(SystemCallError) {
        try protect(0..<hostPageSize, .readWrite)
        try touch(0)
        // All of it: the host may have given a huge page.
        try discard(0..<size)
    }

    /// Writes zero to the first byte of a page, which populates it. Needs the handlers of SIGSEGV and SIGBUS that accesses
    /// to guest memory need, too.
    ///
    /// - Throws: `SystemCallError` (`touch`: EFAULT) where the page is not accessible, or no memory is left.
    public func touch(_ offset: UInt64) throws(SystemCallError) {
        if unsafe cl_guarded_store_u8(pointer(to: offset..<offset + 1), 0) != 0 {
            throw SystemCallError("touch", .badAddress, subject: "a page of a mapping")
        }
    }

    private func pointer(to range: Range<UInt64>) -> UnsafeMutableRawPointer {
        precondition(range.upperBound <= size, "outside of the mapping")
        return unsafe base + Int(range.lowerBound)
    }
}
