import Testing

/// One memory device, seen from all sides: by the monitor, by the guest's kernel, and in the process's mappings.
struct DeviceView {
    let guest: Guest
    let id: String
    /// Guest-physical addresses of its region.
    let addresses: Range<UInt64>
    /// Where the region is mapped in the process.
    let region: Range<UInt64>
    /// What the guest has without the device.
    private let baseTotal: UInt64
    /// Less than any block.
    private let slack: UInt64 = .mebibytes(1)

    /// - Parameter size: of the device's region; no other device may have the same.
    /// - Precondition: nothing of it is plugged, and no other device's memory comes or goes while this is used.
    init(_ id: String, ofSize size: UInt64, in guest: Guest) throws {
        let report = try guest.memoryDevice(id)
        guard report.size == 0, let address = report.address else {
            throw TestFailure("\(id) has memory plugged already, or no address: \(report)")
        }
        self.guest = guest
        self.id = id
        addresses = address..<address + size
        region = try HostMemory(pid: guest.pid).unpluggedRegion(ofSize: size)
        baseTotal = try guest.memory().total
    }

    var plugged: UInt64 {
        get throws { try guest.memoryDevice(id).size ?? 0 }
    }

    /// Resizes the device, and checks that all sides see the new size.
    func resize(to size: UInt64, within time: Duration = .seconds(180)) throws {
        try guest.resize(id, to: size, within: time)
        try requireAgreement(on: size)
    }

    /// Checks that all sides see a size as plugged, with all of that online.
    ///
    /// - Parameter online: what of it the guest's kernel uses, in bytes; all by default.
    func requireAgreement(on size: UInt64, online: UInt64? = nil) throws {
        try waitForOnline(online ?? size)
        try #require(try plugged == size)
        try requireHostAgreement(on: size)
        let blocks = try guest.linuxMemoryBlocks(in: addresses)
        try #require(UInt64(blocks.count) * LinuxMemoryBlock.size >= size, "\(id): \(blocks)")
        if size == 0 {
            try #require(blocks.isEmpty, "\(id): \(blocks)")
            try guest.waitForNoSlots(of: id)
            try #require(try HostMemory(pid: guest.pid).resident(in: region) == 0)
        }
    }

    /// Checks that exactly what is plugged can be accessed in the process, and that slots cover it.
    func requireHostAgreement(on size: UInt64) throws {
        let accessible = try HostMemory(pid: guest.pid).accessible(in: region)
        try #require(accessible == size, "\(id): \(accessible) bytes are accessible, \(size) are plugged")
        let slots = try guest.memorySlots().filter { $0.hasSuffix(" \(id)") }
        let covered = slots.compactMap { UInt64($0.split(separator: " ")[1]) }.reduce(0, +)
        try #require(covered >= size, "\(id): \(slots)")
    }

    /// Waits until the guest's kernel uses as much of the device's memory, to the block. A kernel that was started in
    /// another's place has a few pages more or less for itself.
    func waitForOnline(_ size: UInt64, within time: Duration = .seconds(60)) throws {
        var total: UInt64 = 0
        let done = try Deadline(time).poll(every: 200) {
            total = try guest.memory().total
            return total >= baseTotal + size - slack && total <= baseTotal + size + slack ? true : nil
        }
        guard done != nil else {
            throw TestFailure("the guest has \(total) bytes instead of \(baseTotal) and \(size) of \(id)")
        }
    }

    /// Waits until the plugged size stays the same for a while.
    ///
    /// - Returns: that size, in bytes.
    func waitUntilSettled(for quiet: Duration = .seconds(3), within time: Duration = .seconds(120)) throws -> UInt64 {
        var (last, since) = (try plugged, ContinuousClock.now)
        let done = try Deadline(time).poll(every: 200) {
            let now = try plugged
            if now != last {
                (last, since) = (now, ContinuousClock.now)
            }
            return ContinuousClock.now - since >= quiet ? true : nil
        }
        guard done != nil else { throw TestFailure("\(id) did not come to rest within \(time)") }
        return last
    }
}

extension Guest {
    /// Makes sure that the process has reported nothing, no violation above all, but why a resize did not get on: that is
    /// for whoever waits.
    func requireSilence() throws {
        ByteSource.wait(for: [process.output, process.errors], until: Deadline(.zero))
        let lines = process.errors.text.split(separator: "\n").filter { !$0.contains("and nothing has moved for") }
        try #require(lines.isEmpty, "swiftlet said: \(lines)")
        let status = try monitor("info status")
        try #require(status == "VM status: running\n", "\(status)")
    }
}
