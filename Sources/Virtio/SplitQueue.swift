import GuestMemory

/// The device's end of a split virtqueue (virtio specification, 2.7).
///
/// The driver may change the rings and the descriptors at any time and to anything. Each word of them is read once,
/// checked, and then used; a chain is walked once, when it is taken. What breaks the rules is a `VirtqueueError`.
///
/// Notifications look after themselves: `nextChain()` asks the driver for them when it finds the queue empty, and tells
/// it that they are not needed while there is work.
public final class SplitQueue {
    /// The guest memory that the queue and its buffers lie in.
    public let memory: GuestMemory
    /// How many descriptors it has, a power of two.
    public let size: UInt16

    let usesIndirect: Bool
    let usesEventIndex: Bool
    /// Tells the chains of this queue from those of the one that was there before a reset.
    let epoch: UInt64

    let descriptorTable: GuestMemorySlice
    let availableRing: GuestMemorySlice
    let usedRing: GuestMemorySlice

    /// The available index that the device has taken chains up to.
    var taken: UInt16 = 0
    /// The driver's available index, as last read.
    private var available: UInt16 = 0
    /// The used index: how many chains were completed.
    var used: UInt16 = 0
    /// How many more are in the used ring, where the driver does not see them yet.
    var staged: UInt16 = 0
    /// How many of them the driver was not told about.
    var unannounced: UInt32 = 0
    /// Whether the driver is not to be interrupted at this turn's end for what was completed: the device sees to it that
    /// there is another turn.
    public var postponesInterrupt = false
    /// Whether VIRTQ_USED_F_NO_NOTIFY is set.
    private var suppressesNotifications = false

    /// The buffers of the newest chains; only the first ones mean something. There is room for a chain as long as the
    /// queue behind others that are together as long.
    let buffers: ChainBuffers
    /// How many of them mean something.
    var bufferCount = 0
    /// How often buffers were forgotten.
    var serial: UInt64 = 0

    /// How many more chains may be taken before somebody else's turn.
    private var budget = UInt32.max
    /// Whether the budget was used up with chains left.
    @usableFromInline private(set) var isOverBudget = false

    /// Takes over the queue that a driver has set up.
    ///
    /// - Parameters:
    ///   - maximumSize: the largest size that the device offered.
    ///   - features: what was negotiated; see `VirtioFeature`.
    ///   - epoch: a number that no queue before it had, if chains may outlive queues.
    /// - Throws: `invalidSize`, `misaligned`, `memory` for a part outside guest memory.
    public init(
        setup: QueueSetup, maximumSize: UInt16, features: UInt64, memory: GuestMemory, epoch: UInt64 = 0
    ) throws(VirtqueueError) {
        guard setup.size.nonzeroBitCount == 1, setup.size <= maximumSize, maximumSize <= Self.sizeLimit else {
            throw .invalidSize(setup.size, maximum: maximumSize)
        }
        self.memory = memory
        self.epoch = epoch
        size = setup.size
        usesIndirect = features & VirtioFeature.indirectDescriptors != 0
        usesEventIndex = features & VirtioFeature.eventIndex != 0
        descriptorTable = try setup.locate(.descriptorTable, in: memory)
        availableRing = try setup.locate(.availableRing, in: memory)
        usedRing = try setup.locate(.usedRing, in: memory)
        buffers = ChainBuffers(capacity: 2 * Int(setup.size))
    }

    /// The largest size of any split queue.
    public static let sizeLimit: UInt16 = 32768

    /// Takes the next chain that the driver made available.
    ///
    /// - Returns: nil if there is none; the driver then sends a notification with the next one. Also nil if this queue
    ///   had its turn: the transport goes on later.
    /// - Throws: what the driver did wrong. The queue must not be used any more then.
    public func nextChain() throws(VirtqueueError) -> DescriptorChain? {
        guard try hasNext() else { return nil }
        bufferCount = 0
        serial += 1
        return try take()
    }

    /// Takes the next chain as `nextChain()` does, and keeps the buffers of those that were taken before it known, back
    /// to the last that `nextChain()` has taken.
    ///
    /// - Returns: nil also where these have more buffers than the queue has descriptors: it is for a few chains at a time.
    public func anotherChain() throws(VirtqueueError) -> DescriptorChain? {
        guard bufferCount <= size, try hasNext() else { return nil }
        return try take()
    }

    /// Whether there is a chain, and one more may be taken.
    private func hasNext() throws(VirtqueueError) -> Bool {
        if taken == available {
            guard try findAvailable() else { return false }
        }
        isOverBudget = budget == 0
        return !isOverBudget
    }

    private func take() throws(VirtqueueError) -> DescriptorChain {
        budget -= 1
        let head = try loadAvailable(RingLayout.entry(of: taken & (size - 1), bytes: 2))
        let chain = try walk(from: head)
        taken &+= 1
        return chain
    }

    /// Puts the newest chains back, which were not needed: they are the next ones to be taken, and walked again then.
    ///
    /// - Parameters:
    ///   - first: the oldest of them.
    ///   - count: how many they are. None of them was given back to the driver.
    public func putBack(from first: DescriptorChain, count: Int = 1) {
        taken &-= UInt16(truncatingIfNeeded: count)
        budget += UInt32(count)
        bufferCount = first.firstBuffer
    }

    /// Ends this turn: what was done took long, and others have theirs before the next chain is taken.
    public func endTurn() {
        budget = 0
    }

    /// Starts a turn, in which at most as many chains are taken as the queue has descriptors: a driver that keeps
    /// filling it does not keep others waiting.
    @usableFromInline
    func beginTurn() {
        budget = UInt32(size)
        isOverBudget = false
        postponesInterrupt = false
    }

    /// Looks for new chains. Where there are none the driver is asked for a notification, and because it may have added
    /// one before it saw that, the ring is looked at again.
    private func findAvailable() throws(VirtqueueError) -> Bool {
        available = try loadAvailableIndex()
        if taken == available {
            try requestNotification()
            guestMemoryBarrier()
            available = try loadAvailableIndex()
            if taken == available { return false }
        }
        try suppressNotifications()
        return true
    }

    private func requestNotification() throws(VirtqueueError) {
        if usesEventIndex {
            try storeUsed(taken, at: RingLayout.entry(of: size, bytes: 8))
        } else if suppressesNotifications {
            try storeUsed(0, at: RingLayout.flags)
            suppressesNotifications = false
        }
    }

    /// With the event index there is nothing to do: the driver passes the index that was asked for but once.
    private func suppressNotifications() throws(VirtqueueError) {
        if !usesEventIndex, !suppressesNotifications {
            try storeUsed(RingLayout.suppress, at: RingLayout.flags)
            suppressesNotifications = true
        }
    }

    private func loadAvailableIndex() throws(VirtqueueError) -> UInt16 {
        let index = try loadAvailable(RingLayout.index)
        guard index &- taken <= size else {
            throw .availableIndexOutOfRange(index, taken: taken, size: size)
        }
        return index
    }

    func loadAvailable(_ offset: UInt64) throws(VirtqueueError) -> UInt16 {
        do {
            return try availableRing.loadUInt16(at: offset)
        } catch {
            throw .memory(error)
        }
    }

    func storeUsed(_ value: UInt16, at offset: UInt64) throws(VirtqueueError) {
        do {
            try usedRing.store(value, at: offset)
        } catch {
            throw .memory(error)
        }
    }
}
