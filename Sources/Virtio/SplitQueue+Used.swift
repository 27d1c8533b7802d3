import GuestMemory

extension SplitQueue {
    /// Whether a chain comes from this queue, and not from one that was there before a reset.
    public func owns(_ chain: DescriptorChain) -> Bool { chain.epoch == epoch }

    /// Gives a chain back to the driver.
    ///
    /// A chain of a queue that was reset since is not given back to the one that took its place: nothing happens.
    ///
    /// - Parameter written: how many bytes the device wrote, beginning with the first writable one.
    /// - Throws: `memory` where the used ring can't be written.
    public func complete(_ chain: DescriptorChain, written: UInt32) throws(VirtqueueError) {
        guard chain.epoch == epoch else { return }
        try stage(chain, written: written)
        try publish()
    }

    /// Prepares to give a chain back together with others, which `publish()` does.
    ///
    /// - Throws: `memory` where the used ring can't be written.
    public func stage(_ chain: DescriptorChain, written: UInt32) throws(VirtqueueError) {
        guard chain.epoch == epoch else { return }
        let element = UInt64(chain.head) | UInt64(written) << 32
        do {
            try usedRing.store(element, at: RingLayout.entry(of: (used &+ staged) & (size - 1), bytes: 8))
        } catch {
            throw .memory(error)
        }
        staged &+= 1
    }

    /// Gives the chains back that were prepared for that: the driver sees all of them or none.
    public func publish() throws(VirtqueueError) {
        guard staged > 0 else { return }
        used &+= staged
        let (sum, overflow) = unannounced.addingReportingOverflow(UInt32(staged))
        unannounced = overflow ? .max : sum
        staged = 0
        // An aligned store is a release: the driver sees the elements, and the buffers, before the index.
        try storeUsed(used, at: RingLayout.index)
    }

    /// Whether the driver wants an interrupt for what was completed since this was last asked (virtio specification,
    /// 2.7.7).
    public func needsInterrupt() throws(VirtqueueError) -> Bool {
        guard unannounced > 0, !postponesInterrupt else { return false }
        let count = unannounced
        unannounced = 0
        guestMemoryBarrier()
        if usesEventIndex {
            let event = try loadAvailable(RingLayout.entry(of: size, bytes: 2))
            return UInt32(used &- event &- 1) < count
        }
        return try loadAvailable(RingLayout.flags) & RingLayout.suppress == 0
    }
}
