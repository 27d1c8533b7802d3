import Configuration

/// How the memory slots that KVM has for a machine are divided among its memory devices.
struct SlotPlan {
    /// For each device, in the order of the configuration: the most slots that its region may have.
    let limits: [Int]

    /// Slots that are left for boot memory, and for looking at a guest's access to unplugged memory.
    static let reserve = 128

    /// - Parameter available: how many slots KVM has for a machine (`KVM_CAP_NR_MEMSLOTS`).
    /// - Throws: `ConfigurationError` where what the devices ask for does not fit.
    init(_ devices: [MemoryDevice], available: Int) throws(ConfigurationError) {
        let available = max(0, available - Self.reserve)
        let asked = devices.map { device in device.slotSize.map { Self.count(device.size, $0) } }
        let taken = asked.reduce(0) { sum, count in sum + (count ?? 0) }
        let others = asked.count { $0 == nil }
        guard taken <= available - others else {
            // The one that asks for most can mend it best.
            let most = zip(devices, asked).max { ($0.1 ?? 0) < ($1.1 ?? 0) }?.0 ?? devices[0]
            throw ConfigurationError(
                "--virtio-mem \(most.id)",
                "slot-size \(ByteSize(most.slotSize ?? 0)) makes \(Self.count(most.size, most.slotSize ?? most.size))"
                    + " memory slots, and \(max(0, available - others)) are left on this host for all such devices: give a"
                    + " larger slot-size, or none")
        }
        let share = others > 0 ? (available - taken) / others : 0
        limits = asked.map { $0 ?? share }
    }

    private static func count(_ size: UInt64, _ slotSize: UInt64) -> Int {
        // A region has less than 2^52 bytes, and a slot a page at least.
        Int((size + slotSize - 1) / slotSize)
    }
}
