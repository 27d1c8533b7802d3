import GuestMemory
import Host
import VhostUser
import Virtio

/// The file system device (virtio specification, 5.11): a directory of the host. A back-end in another process serves the
/// queues; this is what the guest sees of the device.
public struct VirtioFS: VirtioDevice {
    public let deviceID: UInt32 = 26
    /// No VIRTIO_FS_F_NOTIFICATION: there is no queue for it.
    public let features: UInt64 = 0
    public let queueFeatures: UInt64
    public let isServedElsewhere = true
    /// First that for requests with priority, then those for all others.
    public let queueSizes: [UInt16]
    public private(set) var breakdown: VirtqueueError?

    private let backend: VhostUserBackend
    private let memory: GuestMemory
    private let tag: [UInt8]
    private let kicks: [EventDescriptor]
    private let call: EventDescriptor

    /// Bytes of a tag, and of the configuration space.
    public static let tagLength = 36
    private static let configurationLength = 40

    /// - Parameters:
    ///   - tag: by which a guest mounts it, at most 36 bytes.
    ///   - queueSize: descriptors of each queue.
    ///   - kicks: one for each queue, by which the guest tells of requests.
    ///   - call: interrupts the guest.
    public init(
        _ backend: VhostUserBackend, tag: String, queueSize: UInt16, memory: GuestMemory, kicks: [EventDescriptor],
        call: EventDescriptor
    ) {
        self.backend = backend
        self.memory = memory
        self.tag = Array(tag.utf8.prefix(Self.tagLength))
        self.kicks = kicks
        self.call = call
        queueSizes = Array(repeating: queueSize, count: kicks.count)
        queueFeatures = backend.features & VirtioFeature.ofQueues
    }

    public mutating func activate(features: UInt64, queues: [QueueSetup?]) {
        breakdown = nil
        var served: [VhostUserQueue] = []
        for (index, setup) in queues.enumerated() {
            guard let setup else { continue }
            do throws(GuestMemoryError) {
                // A back-end that can't reach its queue ends.
                try setup.checkAccess(in: memory)
            } catch {
                breakdown = .memory(error)
                return
            }
            served.append(
                VhostUserQueue(
                    index: index, size: setup.size, descriptorTable: setup.descriptorTable,
                    availableRing: setup.availableRing, usedRing: setup.usedRing, kick: kicks[index].descriptor,
                    call: call.descriptor))
        }
        backend.start(features: features, served)
        if backend.failure != nil {
            breakdown = .unserved
        }
    }

    public mutating func stop(queue index: Int) {
        backend.stop(queue: index)
    }

    public mutating func reset() {
        backend.stop()
        breakdown = nil
    }

    /// The tag, behind which zeroes follow, and how many queues there are for requests (5.11.4).
    public func readConfiguration(offset: UInt64, size: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<UInt64(size) {
            let (position, overflow) = offset.addingReportingOverflow(index)
            guard !overflow, position < UInt64(Self.configurationLength) else { break }
            value |= UInt64(configurationByte(Int(position))) << (8 * index)
        }
        return value
    }

    private func configurationByte(_ position: Int) -> UInt8 {
        guard position >= Self.tagLength else { return position < tag.count ? tag[position] : 0 }
        let requestQueues = UInt32(queueSizes.count - 1)
        return UInt8(truncatingIfNeeded: requestQueues >> UInt32(8 * (position - Self.tagLength)))
    }

    /// Nobody tells it of its queues.
    public mutating func process(queue index: Int, _ queue: SplitQueue) throws(VirtqueueError) {}
}
