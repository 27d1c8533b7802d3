import Devices
import GuestMemory
import Host
import SystemPackage
import Virtio

/// A pair of a network device's queues as the host's kernel serves it: with the events of their place in the machine.
///
/// The kernel gets guest memory as a whole, once. What is unplugged is not accessible in the process, and so not for
/// the kernel either.
final class VhostPair: NetworkKernel {
    private let vhost: VhostNet
    private let tap: TapPort
    private let memory: GuestMemory
    /// Signalled when the driver has added something, one for each of the two.
    private let kicks: [EventDescriptor]
    /// The guest's interrupt line.
    private let call: EventDescriptor
    /// Signalled when the kernel can't go on, one for each of the two.
    let errors: [EventDescriptor]

    init(
        _ device: consuming OwnedFileDescriptor, tap: TapPort, memory: GuestMemory, kicks: [EventDescriptor],
        call: EventDescriptor
    ) throws(SystemCallError) {
        vhost = try VhostNet(
            device,
            memory: memory.regions.map {
                VhostNet.Region(guestAddress: $0.start.rawValue, size: $0.size, hostAddress: $0.hostAddress)
            })
        self.tap = tap
        self.memory = memory
        self.kicks = kicks
        self.call = call
        errors = [try EventDescriptor(), try EventDescriptor()]
    }

    /// Those of the kernel's that are virtio's: others are its own, or say that it makes the headers.
    private static let virtioFeatures =
        VirtioFeature.indirectDescriptors | VirtioFeature.eventIndex | VirtioFeature.version1 | 1 << 15

    var features: UInt64 { vhost.features & Self.virtioFeatures }

    func setFeatures(_ features: UInt64) throws(SystemCallError) {
        try vhost.setFeatures(features)
    }

    func start(_ part: Int, _ setup: QueueSetup, base: UInt16) throws(SystemCallError) {
        let ring: VhostNet.Ring
        do throws(GuestMemoryError) {
            func address(_ part: VirtqueuePart, _ start: UInt64) throws(GuestMemoryError) -> UInt64 {
                try memory.hostAddress(of: GuestAddress(start), count: part.byteCount(queueSize: setup.size))
            }
            ring = VhostNet.Ring(
                size: setup.size, descriptors: try address(.descriptorTable, setup.descriptorTable),
                available: try address(.availableRing, setup.availableRing),
                used: try address(.usedRing, setup.usedRing), kick: kicks[part].descriptor, call: call.descriptor,
                error: errors[part].descriptor)
        } catch {
            throw SystemCallError("VHOST_SET_VRING_ADDR", .badAddress)
        }
        try vhost.start(part, ring, base: base, tap: tap.descriptor)
    }

    func stop(_ part: Int) -> UInt16 {
        vhost.stop(part)
    }
}
