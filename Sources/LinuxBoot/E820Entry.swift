/// One line of the memory map that a kernel is given (`struct boot_e820_entry`).
struct E820Entry: Equatable {
    enum Kind: UInt32 {
        case usable = 1
        case reserved = 2
    }

    var range: Range<UInt64>
    var kind: Kind

    /// The memory map of boot memory. The last pages below 1 MiB exist as memory (or Linux would scan addresses that
    /// leave the guest one by one) but belong to firmware: ACPI tables and the reset stub lie there.
    static func map(of memory: [Range<UInt64>]) -> [E820Entry] {
        let firmware = LowMemory.usableEnd..<LowMemory.end
        var entries: [E820Entry] = []
        for range in memory {
            let before = range.clamped(to: 0..<firmware.lowerBound)
            let after = range.clamped(to: firmware.upperBound..<UInt64.max)
            if !before.isEmpty { entries.append(E820Entry(range: before, kind: .usable)) }
            if range.overlaps(firmware) { entries.append(E820Entry(range: firmware, kind: .reserved)) }
            if !after.isEmpty { entries.append(E820Entry(range: after, kind: .usable)) }
        }
        return entries
    }
}
