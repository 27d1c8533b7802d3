import CLinux
import Host
import SystemPackage

/// The guest-physical address space: every region of memory that the guest may have, and checked access to it.
///
/// The guest changes this memory at any time, so nothing here hands out plain Swift memory: bytes are copied, and
/// each scalar is read or written by exactly one instruction. An access never crashes the process: unplugged,
/// truncated and unmapped memory is an error. `installProcessHandlers()` must have been called before.
@safe public final class GuestMemory: @unchecked Sendable {
    // Sendable: immutable after init; what the pointers lead to is shared with the guest, and accessed by shims only.

    /// The regions, in the order of their addresses.
    public let regions: [GuestMemoryRegion]

    @unsafe private struct Extent {
        let start: UInt64
        let end: UInt64
        let base: UnsafeMutableRawPointer
    }

    /// The same as `regions`, without references to count or bounds to check on each access.
    private let extents: UnsafeMutableBufferPointer<Extent>

    /// - Precondition: the regions do not overlap.
    public init(regions: [GuestMemoryRegion]) {
        self.regions = regions.sorted { $0.start < $1.start }
        unsafe extents = .allocate(capacity: regions.count)
        for (index, region) in self.regions.enumerated() {
            let extent = unsafe Extent(
                start: region.addresses.lowerBound, end: region.addresses.upperBound, base: region.mapping.base)
            unsafe extents.initializeElement(at: index, to: extent)
        }
        for (left, right) in zip(self.regions, self.regions.dropFirst()) {
            precondition(left.addresses.upperBound <= right.addresses.lowerBound, "regions overlap")
        }
    }

    deinit {
        unsafe extents.deallocate()
    }

    /// Installs what accesses to guest memory need in this process: handlers of SIGSEGV and SIGBUS, which pass on
    /// what is not theirs to the handlers that were there. Calling it again does nothing.
    public static func installProcessHandlers() throws(SystemCallError) {
        let result = cl_install_fault_handlers()
        if result < 0 {
            throw SystemCallError("sigaction", Errno(rawValue: -result), subject: "SIGSEGV, SIGBUS")
        }
    }

    /// A part of one region, looked up once for many accesses.
    ///
    /// - Throws: `unmapped` where the bytes do not all lie in one region.
    public func slice(at address: GuestAddress, count: UInt64) throws(GuestMemoryError) -> GuestMemorySlice {
        guard let (pointer, available) = unsafe locate(address), available >= count else {
            throw .unmapped(address, count: count)
        }
        return unsafe GuestMemorySlice(memory: self, start: address, base: pointer, count: count)
    }

    /// Whether all of the bytes belong to regions of guest memory, accessible or not.
    public func contains(_ address: GuestAddress, count: UInt64) -> Bool {
        // Nearly always they lie in one.
        if let (_, available) = unsafe locate(address), available >= count { return true }
        var done: UInt64 = 0
        while done < count {
            guard let current = address.advanced(by: done), let (_, available) = unsafe locate(current) else {
                return false
            }
            done += min(available, count - done)
        }
        return true
    }

    /// Copies bytes out of guest memory.
    public func read(at address: GuestAddress, into bytes: inout MutableRawSpan) throws(GuestMemoryError) {
        let count = UInt64(bytes.byteCount)
        try unsafe bytes.withUnsafeMutableBytes { (buffer) throws(GuestMemoryError) in
            guard let to = buffer.baseAddress else { return }
            try unsafe forEachPart(of: address, count: count) { pointer, offset, length in
                unsafe cl_guarded_copy(to + offset, pointer, length)
            }
        }
    }

    /// Copies bytes out of guest memory, into a fresh array.
    public func read(_ count: Int, at address: GuestAddress) throws(GuestMemoryError) -> [UInt8] {
        guard contains(address, count: UInt64(count)) else { throw .unmapped(address, count: UInt64(count)) }
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        var rawSpan = unsafe span.mutableBytes
        try read(at: address, into: &rawSpan)
        return bytes
    }

    /// Copies bytes out of guest memory, to the end of an array. After an error some of them may be there.
    public func read(
        _ count: Int, at address: GuestAddress, appendingTo bytes: inout [UInt8]
    ) throws(GuestMemoryError) {
        guard contains(address, count: UInt64(count)) else { throw .unmapped(address, count: UInt64(count)) }
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: count))
        var span = bytes.mutableSpan
        var rawSpan = unsafe span.mutableBytes
        try unsafe rawSpan.withUnsafeMutableBytes { (buffer) throws(GuestMemoryError) in
            guard let to = buffer.baseAddress else { return }
            try unsafe forEachPart(of: address, count: UInt64(count)) { pointer, offset, length in
                unsafe cl_guarded_copy(to + start + offset, pointer, length)
            }
        }
    }

    /// Copies bytes into guest memory. After an error some of them may have been written.
    public func write(_ bytes: RawSpan, at address: GuestAddress) throws(GuestMemoryError) {
        let count = UInt64(bytes.byteCount)
        try unsafe bytes.withUnsafeBytes { (buffer) throws(GuestMemoryError) in
            guard let from = buffer.baseAddress else { return }
            try unsafe forEachPart(of: address, count: count) { pointer, offset, length in
                unsafe cl_guarded_copy(pointer, from + offset, length)
            }
        }
    }

    /// Copies bytes into guest memory. After an error some of them may have been written.
    public func write(_ bytes: [UInt8], at address: GuestAddress) throws(GuestMemoryError) {
        try write(unsafe bytes.span.bytes, at: address)
    }

    /// Fills guest memory with one byte.
    public func fill(
        at address: GuestAddress, count: UInt64, with byte: UInt8 = 0
    ) throws(GuestMemoryError) {
        try unsafe forEachPart(of: address, count: count) { pointer, _, length in
            unsafe cl_guarded_fill(pointer, byte, length)
        }
    }

    /// Calls the body with each part of a range that lies in one region; the body returns how many bytes it failed
    /// to access. The body is not called at all where a part of the range is unmapped.
    private func forEachPart(
        of address: GuestAddress, count: UInt64, _ body: (UnsafeMutableRawPointer, _ offset: Int, _ length: Int) -> Int
    ) throws(GuestMemoryError) {
        if let (pointer, available) = unsafe locate(address), available >= count {
            guard unsafe body(pointer, 0, Int(count)) == 0 else { throw .inaccessible(address, count: count) }
            return
        }
        guard contains(address, count: count) else { throw .unmapped(address, count: count) }
        var done: UInt64 = 0
        while done < count, let (pointer, available) = unsafe locate(GuestAddress(address.rawValue + done)) {
            let length = min(available, count - done)
            guard unsafe body(pointer, Int(done), Int(length)) == 0 else {
                throw .inaccessible(address, count: count)
            }
            done += length
        }
    }

    /// The host address of the byte `done` bytes into a range, and how many follow it in its region.
    func part(
        of address: GuestAddress, count: UInt64, after done: UInt64
    ) throws(GuestMemoryError) -> (UnsafeMutableRawPointer, UInt64) {
        guard let current = address.advanced(by: done), let found = unsafe locate(current) else {
            throw .unmapped(address, count: count)
        }
        return unsafe found
    }

    /// Where the process has bytes that all lie in one region, accessible or not: for calls that take addresses.
    ///
    /// - Throws: `unmapped` where they do not.
    public func hostAddress(of address: GuestAddress, count: UInt64) throws(GuestMemoryError) -> UInt64 {
        guard let (pointer, available) = unsafe locate(address), available >= count else {
            throw .unmapped(address, count: count)
        }
        return UInt64(UInt(bitPattern: pointer))
    }

    /// Where an address of the process is in guest memory; nil for one that is no guest memory.
    public func location(ofHostAddress address: UInt64) -> (region: GuestMemoryRegion, address: GuestAddress)? {
        for region in regions where (region.hostAddress..<region.hostAddress + region.size).contains(address) {
            return (region, GuestAddress(region.start.rawValue + (address - region.hostAddress)))
        }
        return nil
    }

    /// The host address of a guest-physical one, and how many bytes follow in its region; nil for
    /// an address in no region.
    private func locate(_ address: GuestAddress) -> (UnsafeMutableRawPointer, UInt64)? {
        var low = 0
        var high = unsafe extents.count
        while low < high {
            let middle = (low + high) / 2
            if unsafe extents[middle].end <= address.rawValue {
                low = middle + 1
            } else {
                high = middle
            }
        }
        guard unsafe low < extents.count, unsafe extents[low].start <= address.rawValue else {
            return nil
        }
        let extent = unsafe extents[low]
        let offset = unsafe address.rawValue - extent.start
        return unsafe (extent.base + Int(offset), extent.end - address.rawValue)
    }
}
