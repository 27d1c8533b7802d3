import CLinux
import SystemPackage

/// One pair of queues that the host's kernel serves by itself, with a queue of a tap (`/dev/vhost-net`).
public final class VhostNet: Sendable {
    /// A piece of guest memory.
    public struct Region: Sendable {
        public let guestAddress: UInt64
        public let size: UInt64
        /// Where the process has it.
        public let hostAddress: UInt64

        public init(guestAddress: UInt64, size: UInt64, hostAddress: UInt64) {
            self.guestAddress = guestAddress
            self.size = size
            self.hostAddress = hostAddress
        }
    }

    /// A virtqueue; addresses are the process's.
    public struct Ring: Sendable {
        public var size: UInt16
        public var descriptors: UInt64
        public var available: UInt64
        public var used: UInt64
        /// Signalled when the driver has added something.
        public var kick: FileDescriptor
        /// Signalled by the kernel to interrupt the guest.
        public var call: FileDescriptor
        /// Signalled by the kernel when it can't go on.
        public var error: FileDescriptor

        public init(
            size: UInt16, descriptors: UInt64, available: UInt64, used: UInt64, kick: FileDescriptor,
            call: FileDescriptor, error: FileDescriptor
        ) {
            self.size = size
            self.descriptors = descriptors
            self.available = available
            self.used = used
            self.kick = kick
            self.call = call
            self.error = error
        }
    }

    public static let path: FilePath = "/dev/vhost-net"

    private let owned: OwnedFileDescriptor
    /// The virtio features that the kernel's queues can have.
    public let features: UInt64

    /// - Parameters:
    ///   - device: an open `/dev/vhost-net`.
    ///   - memory: all that buffers and queues may be in. What is not accessible in the process is not for the kernel.
    /// - Throws: `SystemCallError`: E2BIG from `VHOST_SET_MEM_TABLE` for more regions than the kernel takes.
    public init(_ device: consuming OwnedFileDescriptor, memory: [Region]) throws(SystemCallError) {
        owned = device
        try Self.check(cl_vhost_set_owner(owned.rawValue), "VHOST_SET_OWNER")
        var value: UInt64 = 0
        try Self.check(unsafe cl_vhost_get_features(owned.rawValue, &value), "VHOST_GET_FEATURES")
        features = value
        let table = memory.map {
            cl_vhost_region(guest_address: $0.guestAddress, size: $0.size, host_address: $0.hostAddress)
        }
        try Self.check(
            unsafe cl_vhost_set_memory(owned.rawValue, table, UInt32(table.count)), "VHOST_SET_MEM_TABLE")
    }

    public func setFeatures(_ features: UInt64) throws(SystemCallError) {
        try Self.check(cl_vhost_set_features(owned.rawValue, features), "VHOST_SET_FEATURES")
    }

    /// Has the kernel serve a queue from now on: 0 gets what comes from the tap, 1 has what goes there.
    ///
    /// - Parameter base: how many chains were taken from it.
    public func start(_ index: Int, _ ring: Ring, base: UInt16, tap: FileDescriptor) throws(SystemCallError) {
        var described = cl_vhost_ring(
            index: UInt32(index), size: UInt32(ring.size), base: UInt32(base), descriptors: ring.descriptors,
            available: ring.available, used: ring.used, kick: ring.kick.rawValue, call: ring.call.rawValue,
            error: ring.error.rawValue)
        try Self.check(unsafe cl_vhost_set_ring(owned.rawValue, &described), "VHOST_SET_VRING_ADDR")
        try Self.check(
            cl_vhost_set_backend(owned.rawValue, UInt32(index), tap.rawValue), "VHOST_NET_SET_BACKEND")
    }

    /// Has the kernel leave a queue alone. On return it has done so.
    ///
    /// - Returns: how many chains were taken from it.
    @discardableResult
    public func stop(_ index: Int) -> UInt16 {
        _ = cl_vhost_set_backend(owned.rawValue, UInt32(index), -1)
        return UInt16(truncatingIfNeeded: max(0, cl_vhost_get_base(owned.rawValue, UInt32(index))))
    }

    private static func check(_ result: CInt, _ call: String) throws(SystemCallError) {
        if result < 0 { throw SystemCallError(call, Errno(rawValue: -result)) }
    }
}
