import CLinux
import CUring
import GuestMemory
import Host
import SystemPackage

/// Requests by io_uring(7).
@safe public final class UringEngine: DiskEngine {
    private let disk: FileDescriptor
    private let ring: OpaquePointer
    /// The pieces of what is submitted are looked at when it is begun.
    private var submitted: [GuestVectors] = []

    /// - Parameters:
    ///   - disk: stays the caller's, and stays open.
    ///   - capacity: requests at a time.
    /// - Throws: `SystemCallError`: ENOSYS or EPERM where the host has none, or allows none; ENOMEM.
    public init(disk: FileDescriptor, capacity: Int) throws(SystemCallError) {
        self.disk = disk
        var made: OpaquePointer?
        let result = unsafe cu_ring_create(UInt32(capacity), &made)
        guard let ring = unsafe made else {
            throw SystemCallError("io_uring_setup", Errno(rawValue: -result))
        }
        unsafe self.ring = ring
    }

    deinit {
        unsafe cu_ring_destroy(ring)
    }

    public var completions: FileDescriptor { FileDescriptor(rawValue: unsafe cu_ring_descriptor(ring)) }

    public func submit(_ request: DiskRequest, tag: Int) {
        submitted.append(request.vectors)
        let pieces = unsafe request.vectors.portion
        let (file, tag) = (disk.rawValue, UInt64(tag))
        switch request.operation {
        case .read:
            unsafe cu_ring_read(ring, file, pieces.baseAddress, UInt32(pieces.count), request.offset, tag)
        case .write(let durable):
            unsafe cu_ring_write(ring, file, pieces.baseAddress, UInt32(pieces.count), request.offset, durable, tag)
        case .flush:
            unsafe cu_ring_sync(ring, file, tag)
        case .discard, .zero(keepsRoom: false):
            unsafe cu_ring_change_range(ring, file, CInt(CL_PUNCH_HOLE), request.offset, request.count, tag)
        case .zero(keepsRoom: true):
            unsafe cu_ring_change_range(ring, file, CInt(CL_ZERO_RANGE), request.offset, request.count, tag)
        }
    }

    public func start() {
        unsafe cu_ring_start(ring)
        submitted.removeAll(keepingCapacity: true)
    }

    public func takeCompletions(_ body: (_ tag: Int, _ result: Int) -> Void) {
        var tag: UInt64 = 0
        var result: Int32 = 0
        while unsafe cu_ring_take(ring, &tag, &result) {
            body(Int(tag), Int(result))
        }
    }

    public func waitForCompletion() {
        start()
        unsafe cu_ring_wait(ring)
    }
}
