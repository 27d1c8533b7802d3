/// A Linux memory block, as the guest's sysfs has it: the unit in which Linux brings memory online and offline.
struct LinuxMemoryBlock {
    /// Bytes; Linux takes larger ones only for much boot memory.
    static let size: UInt64 = .mebibytes(128)

    let address: UInt64
    /// `online`, `offline` or `going-offline`.
    let state: String
    /// The zone of an online block; where an offline one could go. `none` where the block lies in several.
    let zones: [String]

    /// Reads a line `memoryNUMBER STATE ZONE…`.
    init(_ line: Substring) throws {
        let words = line.split(separator: " ").map { String($0) }
        guard words.count >= 2, let number = UInt64(words[0].dropFirst("memory".count)) else {
            throw TestFailure("'\(line)' is no Linux memory block")
        }
        (address, state, zones) = (number * Self.size, words[1], Array(words[2...]))
    }
}

extension Guest {
    /// The Linux memory blocks in a range of guest-physical addresses, lowest first.
    func linuxMemoryBlocks(in addresses: Range<UInt64>) throws -> [LinuxMemoryBlock] {
        // The shell reads by itself: each process that it starts takes longer.
        let text = try run(
            "cd /sys/devices/system/memory; for b in memory[0-9]*; do read s <$b/state; read z <$b/valid_zones; "
                + "echo $b $s $z; done; cd /root")
        return try text.split(separator: "\n").map { try LinuxMemoryBlock($0) }
            .filter { addresses.contains($0.address) }.sorted { $0.address < $1.address }
    }

    /// What the kernel does with memory blocks that are added: a value of `memhp_default_state`.
    func setDefaultOnlineState(_ state: String) throws {
        try run("echo \(state) > /sys/devices/system/memory/auto_online_blocks")
    }
}
