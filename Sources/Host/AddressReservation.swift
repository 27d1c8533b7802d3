import CLinux
import SystemPackage

/// A range of the process's addresses that this value owns, whatever is mapped there; it is unmapped when the value is
/// gone.
@safe struct AddressReservation: ~Copyable, @unchecked Sendable {
    // Sendable: address and size never change.

    let base: UnsafeMutableRawPointer
    /// In bytes.
    let size: UInt64

    /// Keeps a range, any access to which faults.
    ///
    /// - Parameters:
    ///   - pageSize: bytes that the size is a multiple of.
    ///   - alignment: a power of two, at least the page size.
    ///   - offset: the base is congruent to it modulo `alignment`.
    init(
        _ size: UInt64, pageSize: UInt64, alignment: UInt64, congruentTo offset: UInt64
    ) throws(SystemCallError) {
        precondition(alignment >= hostPageSize && alignment & (alignment - 1) == 0, "not a power of two")
        let (reserved, overflow) = size.addingReportingOverflow(alignment)
        guard size > 0, size % pageSize == 0, !overflow, let length = Int(exactly: reserved) else {
            throw SystemCallError("mmap", .invalidArgument, subject: "\(size) bytes of memory")
        }
        // More than is needed, so that an aligned part can be kept and the rest given back.
        var error: CInt = 0
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let start = unsafe cl_mmap(nil, length, PROT_NONE, flags, -1, 0, &error) else {
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
    }

    deinit {
        _ = unsafe cl_munmap(base, Int(size))
    }
}
