import CLinux
import SystemPackage

/// A tap: a network interface of the host whose other end is a descriptor, or several, one for each queue.
public enum Tap {
    /// What whoever reads a tap can do with frames (`TUNSETOFFLOAD`).
    public struct Offloads: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// Frames may come without their checksum.
        public static let checksum = Offloads(rawValue: UInt32(CL_TUN_F_CSUM))
        /// And TCP's segments of IPv4 in one frame, of up to 64 KiB.
        public static let tcp4 = Offloads(rawValue: UInt32(CL_TUN_F_TSO4))
        public static let tcp6 = Offloads(rawValue: UInt32(CL_TUN_F_TSO6))
        /// And those with explicit congestion notification.
        public static let congestion = Offloads(rawValue: UInt32(CL_TUN_F_TSO_ECN))
        /// And UDP's datagrams, to be cut into fragments.
        public static let udpFragments = Offloads(rawValue: UInt32(CL_TUN_F_UFO))
        /// And several of UDP's datagrams in one frame; both or none.
        public static let udp = Offloads(rawValue: UInt32(CL_TUN_F_USO4 | CL_TUN_F_USO6))
    }

    /// Bytes of the header before each frame (`virtio_net_hdr_v1`).
    public static let headerLength = 12
    /// The longest name of an interface, in bytes.
    public static let longestName = Int(CL_INTERFACE_NAME) - 1

    /// Opens queues of a tap that is there, which nobody else uses.
    public static func open(_ name: String, queueCount: Int) throws(TapError) -> [FileDescriptor] {
        guard unsafe cl_has_interface(name) else { throw .missing }
        var queues: [FileDescriptor] = []
        do throws(TapError) {
            for index in 0..<queueCount {
                let queue = try openQueue(name, several: queueCount > 1, isFirst: index == 0)
                try prepare(queue.descriptor)
                queues.append(queue.release())
            }
        } catch {
            queues.forEach { try? $0.close() }
            throw error
        }
        return queues
    }

    private static func openQueue(
        _ name: String, several: Bool, isFirst: Bool
    ) throws(TapError) -> OwnedFileDescriptor {
        var result = unsafe cl_open_tap(name, several)
        // One that can have several queues may have one, but it has to be asked in another way.
        if result == -EINVAL, !several { result = unsafe cl_open_tap(name, true) }
        guard result < 0 else { return OwnedFileDescriptor(FileDescriptor(rawValue: result)) }
        switch Errno(rawValue: -result) {
        case .noSuchFileOrDirectory, .noSuchAddressOrDevice, .operationNotSupportedByDevice: throw .noDriver
        case .notPermitted, .permissionDenied: throw .denied
        case .resourceBusy: throw .inUse
        case .invalidArgument: throw several ? .oneQueueOnly : .noTap
        case .argListTooLong where !isFirst: throw .tooFewQueues
        case let errno: throw .host(SystemCallError("TUNSETIFF", errno, subject: name))
        }
    }

    /// Has an open queue of a tap, wherever it comes from, give and take frames as a guest's driver has them.
    ///
    /// - Throws: `noTap` for another descriptor, `noHeaders` for a tap that was made without them.
    public static func prepare(_ queue: FileDescriptor) throws(TapError) {
        guard let flags = flags(of: queue), flags & UInt32(CL_IFF_TAP) != 0 else { throw .noTap }
        guard flags & UInt32(CL_IFF_VNET_HDR) != 0, flags & UInt32(CL_IFF_NO_PI) != 0 else { throw .noHeaders }
        let result = cl_set_tap_header(queue.rawValue, CInt(headerLength))
        guard result == 0 else {
            throw .host(SystemCallError("TUNSETVNETHDRSZ", Errno(rawValue: -result)))
        }
        do throws(SystemCallError) {
            try queue.makeNonBlocking()
        } catch {
            throw .host(error)
        }
    }

    /// Whether a descriptor is one of several queues that a tap may have.
    public static func maySwitchQueues(_ queue: FileDescriptor) -> Bool {
        flags(of: queue).map { $0 & UInt32(CL_IFF_MULTI_QUEUE) != 0 } ?? false
    }

    /// Which of some offloads the host's kernel has; afterwards, none is in effect.
    public static func supported(_ wanted: Offloads, of queue: FileDescriptor) -> Offloads {
        defer { setOffloads([], of: queue) }
        if setOffloads(wanted, of: queue) { return wanted }
        var offloads: Offloads = []
        for one: Offloads in [.checksum, .tcp4, .tcp6, .congestion, .udpFragments, .udp] where wanted.contains(one) {
            // All others depend on checksums, and congestion on segments.
            let needs: Offloads = one == .congestion ? [.checksum, .tcp4] : .checksum
            if setOffloads(needs.union(one), of: queue) { offloads.formUnion(one) }
        }
        return offloads
    }

    /// Says what may come from a tap, by any of its queues.
    ///
    /// - Returns: whether the kernel has all of that.
    @discardableResult
    public static func setOffloads(_ offloads: Offloads, of queue: FileDescriptor) -> Bool {
        cl_set_tap_offloads(queue.rawValue, offloads.rawValue) == 0
    }

    /// Whether the host gives frames to this queue, of several.
    public static func enable(_ queue: FileDescriptor, _ isEnabled: Bool) throws(SystemCallError) {
        let result = cl_enable_tap_queue(queue.rawValue, isEnabled)
        if result < 0 { throw SystemCallError("TUNSETQUEUE", Errno(rawValue: -result)) }
    }

    /// Whether the host gives frames to this queue; it remembers that for as long as somebody has the queue open.
    public static func isEnabled(_ queue: FileDescriptor) -> Bool {
        flags(of: queue).map { $0 & UInt32(CL_IFF_DETACH_QUEUE) == 0 } ?? true
    }

    /// What a queue is, and can be (`TUNGETIFF`); nil for what is none.
    private static func flags(of queue: FileDescriptor) -> UInt32? {
        var flags: UInt32 = 0
        var name = [CChar](repeating: 0, count: Int(CL_INTERFACE_NAME))
        return unsafe cl_tap_flags(queue.rawValue, &flags, &name) == 0 ? flags : nil
    }

    /// Whether an interface is up; nil where it is not there.
    public static func isUp(_ name: String) -> Bool? {
        let result = unsafe cl_is_interface_up(name)
        return result < 0 ? nil : result > 0
    }
}
