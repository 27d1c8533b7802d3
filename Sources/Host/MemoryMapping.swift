import CLinux
import Synchronization
import SystemPackage

/// A range of the process's address space that this value owns; it is unmapped when the value is gone.
///
/// Memory counts against the host only where it is touched, and is left out of core dumps and of forked children.
@safe public struct MemoryMapping: ~Copyable, @unchecked Sendable {
    // Sendable: the address and size never change, and what the memory holds is shared with a guest anyway, so each
    // access goes through shims that expect it to change underneath them.

    /// Where the mapping begins.
    public var base: UnsafeMutableRawPointer { unsafe addresses.base }
    /// Its size in bytes, a multiple of the page size.
    public var size: UInt64 { addresses.size }
    /// What it is made of.
    public let backing: MemoryBacking
    /// Parts of a file's mapping that are covered with zeroes.
    private let covers: Mutex<RangeSet>
    private let addresses: AddressReservation

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

    /// Maps fresh private memory that reads as zero, and may be backed by transparent huge pages.
    ///
    /// - Parameters: those of the other initializer.
    public init(
        anonymous size: UInt64, alignment: UInt64 = hostPageSize, congruentTo offset: UInt64 = 0,
        protection: Protection = .readWrite
    ) throws(SystemCallError) {
        try self.init(size, MemoryBacking(), alignment: alignment, congruentTo: offset, protection: protection)
    }

    /// Maps fresh memory that reads as zero.
    ///
    /// - Parameters:
    ///   - size: bytes, a multiple of the backing's pages, not zero.
    ///   - alignment: a power of two, at least the page size.
    ///   - offset: the base is congruent to it modulo `alignment`, so that guest-physical and host addresses share
    ///     their low bits and KVM can map huge pages.
    ///   - protection: of the whole mapping, at first. An inaccessible one counts against no limit of the host.
    /// - Throws: `SystemCallError` (`mmap`: ENOMEM where the address space, the overcommit limit or the pool of huge
    ///   pages is exhausted; `fallocate`: ENOSPC; `mbind`: EINVAL where the host lacks the nodes).
    public init(
        _ size: UInt64, _ backing: MemoryBacking, alignment: UInt64 = hostPageSize, congruentTo offset: UInt64 = 0,
        protection: Protection = .readWrite
    ) throws(SystemCallError) {
        self = try Self.make(size, backing, alignment: alignment, congruentTo: offset, protection: protection)
    }

    /// An initializer can't fail once it has everything that the value owns.
    private static func make(
        _ size: UInt64, _ backing: MemoryBacking, alignment: UInt64, congruentTo offset: UInt64, protection: Protection
    ) throws(SystemCallError) -> MemoryMapping {
        let mapping = MemoryMapping(
            try AddressReservation(
                size, pageSize: backing.pageSize, alignment: max(alignment, backing.pageSize), congruentTo: offset),
            backing)
        if backing.reserve, backing.isShared, !backing.isHuge, let file = backing.file {
            let result = cl_allocate(file.descriptor.rawValue, backing.fileOffset, size)
            guard result == 0 else {
                throw SystemCallError("fallocate", Errno(rawValue: -result), subject: "\(size) bytes")
            }
        }
        // The host accounts for what is private when it can be written.
        let first = backing.reserve ? Protection.readWrite : .inaccessible
        try mapping.place(0..<size, first)
        if protection != first {
            if backing.reserve {
                // Linux forgets about private memory that never was populated and can't be written any more.
                try mapping.joinLaterParts()
            }
            try mapping.protect(0..<size, protection)
        }
        return mapping
    }

    private init(_ addresses: consuming AddressReservation, _ backing: MemoryBacking) {
        self.addresses = addresses
        self.backing = backing
        covers = Mutex(RangeSet())
    }

    /// Changes what may be done with a part of the mapping (`mprotect(2)`). A part of a file that is to read as zeroes
    /// is covered with private memory, since reading it would allocate; what a mapping that is not shared has there is
    /// lost then.
    ///
    /// - Throws: `SystemCallError`: ENOMEM where the process has too many mappings (`vm.max_map_count`).
    public func protect(_ range: Range<UInt64>, _ protection: Protection) throws(SystemCallError) {
        guard !range.isEmpty else { return }
        if backing.file != nil {
            if protection == .zeroes {
                return try cover(range)
            }
            for part in covers.withLock({ $0.intersection(range) }) {
                try place(part, protection)
                covers.withLock { $0.remove(part) }
            }
        }
        let result = unsafe cl_mprotect(pointer(to: range), Int(range.upperBound - range.lowerBound), protection.flags)
        if result < 0 {
            throw SystemCallError("mprotect", Errno(rawValue: -result))
        }
    }

    /// Gives the memory of a part of the mapping back to the host; it reads as zero afterwards. The
    /// process's pages are dropped, and a file gets a hole.
    public func discard(_ range: Range<UInt64>) throws(SystemCallError) {
        guard !range.isEmpty else { return }
        // The hole alone would leave what page tables remember of pages whose hardware is broken.
        let result = advise(range, MADV_DONTNEED)
        // Huge pages can be dropped since Linux 5.18; before that, the hole in their file does it.
        if result < 0, !(result == -EINVAL && backing.isHuge) {
            throw SystemCallError("madvise", Errno(rawValue: -result), subject: "MADV_DONTNEED")
        }
        if let file = backing.file {
            let result = cl_punch_hole(
                file.descriptor.rawValue, backing.fileOffset + range.lowerBound, range.upperBound - range.lowerBound)
            if result < 0 {
                throw SystemCallError("fallocate", Errno(rawValue: -result), subject: "FALLOC_FL_PUNCH_HOLE")
            }
        }
    }

    /// Lets parts that get a protection of their own later be joined again: with one page populated before, all of
    /// them share one anonymous VMA root, and giving everything the same protection leaves a single mapping behind.
    /// Parts of a shared file join anyway. All of it can be written afterwards, unless the host accounts for all that
    /// can be written: then parts may stay apart.
    ///
    /// - Throws: `SystemCallError` where the first page is not accessible, or no memory is left.
    public func joinLaterParts() throws(SystemCallError) {
        guard !backing.isShared, !backing.isHuge else { return }
        // Before Linux 6.15, a part that was populated does not join one above it that never was. So they must not be
        // parts at this time.
        // Where the host accounts for everything, that much is not taken from others for it.
        let accountsForAll = KernelText.number("/proc/sys/vm/overcommit_memory") == 2 && !backing.reserve
        try protect(0..<(accountsForAll ? hostPageSize : size), .readWrite)
        try touchWithoutHugePage()
        if backing.transparentHugePages, backing.file == nil, !accountsForAll {
            // The page table would outlive the page, and never again make room for a huge page there. What is new joins
            // what lies above it, as its last attribute is set; the other way round it would not.
            try place(0..<min(size, transparentHugePageSize), .readWrite)
        } else {
            try discard(0..<hostPageSize)
        }
    }

    /// Populates the first page alone: a huge page would be cleared for nothing, which takes longer than all else there.
    private func touchWithoutHugePage() throws(SystemCallError) {
        guard backing.transparentHugePages else { return try touch(0) }
        _ = advise(0..<size, CInt(MADV_NOHUGEPAGE))
        defer { _ = advise(0..<size, CInt(MADV_HUGEPAGE)) }
        try touch(0)
    }

    /// Writes zero to the first byte of a page, which populates it. Needs the handlers of SIGSEGV and SIGBUS that
    /// accesses to guest memory need, too.
    ///
    /// - Throws: `SystemCallError` (`touch`: EFAULT) where the page is not accessible, or no memory is left.
    public func touch(_ offset: UInt64) throws(SystemCallError) {
        if unsafe cl_guarded_store_u8(pointer(to: offset..<offset + 1), 0) != 0 {
            throw SystemCallError("touch", .badAddress, subject: "a page of a mapping")
        }
    }

    /// Covers a part with zeroes that take no memory.
    private func cover(_ range: Range<UInt64>) throws(SystemCallError) {
        try map(range, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, file: -1)
        covers.withLock { $0.insert(range) }
        for advice in [MADV_DONTDUMP, MADV_DONTFORK] {
            _ = advise(range, CInt(advice))
        }
    }

    /// Maps the backing into a part of the reserved addresses, with all that goes with it.
    private func place(_ range: Range<UInt64>, _ protection: Protection) throws(SystemCallError) {
        let flags =
            (backing.isShared ? MAP_SHARED : MAP_PRIVATE) | (backing.reserve ? 0 : MAP_NORESERVE)
            | (backing.file == nil ? MAP_ANONYMOUS : 0)
        try map(range, protection.flags, flags, file: backing.file?.descriptor.rawValue ?? -1)
        // None of these can fail for a mapping of ours but for kernels built without the feature.
        for advice in [MADV_DONTDUMP, MADV_DONTFORK] {
            _ = advise(range, CInt(advice))
        }
        if !backing.isHuge {
            _ = advise(range, CInt(backing.transparentHugePages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
        }
        if let file = backing.file, !file.isMemory, !file.isHuge {
            // Reading ahead would populate unplugged blocks.
            _ = advise(range, MADV_RANDOM)
        }
        if let placement = backing.placement {
            try bind(range, placement)
        }
    }

    private func map(_ range: Range<UInt64>, _ protection: CInt, _ flags: CInt, file: CInt) throws(SystemCallError) {
        let (start, size) = unsafe (pointer(to: range), Int(range.upperBound - range.lowerBound))
        let offset = file < 0 ? 0 : Int(backing.fileOffset + range.lowerBound)
        var error: CInt = 0
        if unsafe cl_mmap(start, size, protection, flags | MAP_FIXED, file, offset, &error) == nil {
            // The kernel may have taken what was there away by then; nobody else may get the addresses.
            var ignored: CInt = 0
            let reserve = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE
            _ = unsafe cl_mmap(start, size, PROT_NONE, reserve, -1, 0, &ignored)
            throw SystemCallError("mmap", Errno(rawValue: -error), subject: "\(size) bytes of memory")
        }
    }

    private func bind(_ range: Range<UInt64>, _ placement: MemoryBacking.Placement) throws(SystemCallError) {
        var words = [UInt64](repeating: 0, count: Int(CL_NODES) / 64)
        for node in placement.nodes where node < UInt32(CL_NODES) {
            words[Int(node / 64)] |= 1 << UInt64(node % 64)
        }
        let result = unsafe cl_mbind(
            pointer(to: range), Int(range.upperBound - range.lowerBound), placement.policy.rawValue, words)
        if result < 0 {
            let nodes = placement.nodes.map { "\($0)" }.joined(separator: ", ")
            throw SystemCallError("mbind", Errno(rawValue: -result), subject: "nodes \(nodes)")
        }
    }

    func advise(_ range: Range<UInt64>, _ advice: CInt) -> CInt {
        while true {
            let result = unsafe cl_madvise(pointer(to: range), Int(range.upperBound - range.lowerBound), advice)
            if result != -EINTR {
                return result
            }
        }
    }

    private func pointer(to range: Range<UInt64>) -> UnsafeMutableRawPointer {
        precondition(range.upperBound <= size, "outside of the mapping")
        return unsafe base + Int(range.lowerBound)
    }
}
