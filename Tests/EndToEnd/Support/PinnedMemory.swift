import Testing

/// Single pages that a program in the guest keeps where they are, so that memory can only be unplugged in pieces.
struct PinnedMemory {
    /// Guest-physical addresses of the pages.
    let pages: [UInt64]
    private let guest: Guest
    private static let file = "/tmp/pinned"

    /// Pins one page in each `step` bytes of memory, of a node or of any.
    init(of size: UInt64, step: UInt64, ofNode node: Int? = nil, in guest: Guest) throws {
        self.guest = guest
        let file = Self.file
        let node = node.map { "\($0)" } ?? "any"
        try guest.run("rm -f \(file); (memory-pin \(node) \(size) \(step) >>\(file) 2>&1 & echo $! >\(file).pid)")
        var lines: [Substring] = []
        let done = try Deadline(.seconds(120)).poll(every: 200) {
            lines = try guest.run("cat \(file)").split(separator: "\n")
            return lines.last.map { !$0.hasPrefix("at ") } ?? false ? true : nil
        }
        pages = lines.compactMap { $0.hasPrefix("at 0x") ? UInt64($0.dropFirst(5), radix: 16) : nil }
        guard done == true, lines.last == "pinned \(size / step)", UInt64(pages.count) == size / step else {
            throw TestFailure("memory-pin says '\(lines)'")
        }
    }

    func letGo() throws {
        try guest.run("pid=$(cat \(Self.file).pid); kill -9 $pid; while [ -e /proc/$pid ]; do usleep 20000; done")
    }
}

extension DeviceView {
    /// Has the guest plug memory, and unplug all of it but the blocks that hold pinned pages: holes between them.
    ///
    /// - Parameters:
    ///   - pinned: what is plugged, and of what pages are pinned. The guest's boot memory must be full, or be smaller.
    ///   - step: how far apart.
    ///   - blockSize: of the device.
    /// - Returns: what keeps the pages, and the bytes that stay plugged.
    func plugWithHoles(
        _ size: UInt64, pinned: UInt64, step: UInt64, blockSize: UInt64 = .mebibytes(2)
    ) throws -> (PinnedMemory, UInt64) {
        try resize(to: size)
        let memory = try PinnedMemory(of: pinned, step: step, in: guest)
        try #require(try guest.monitor("qom-set \(id) requested-size 0") == "")
        let needed = Set(memory.pages.filter { addresses.contains($0) }.map { ($0 - addresses.lowerBound) / blockSize })
        try #require(needed.count >= 16, "\(id) has only \(needed.count) pinned blocks")
        let deadline = Deadline(.seconds(180))
        while true {
            // A guest on a busy host may rest on its way.
            let left = try waitUntilSettled()
            try requireHostAgreement(on: left)
            let kept = try HostMemory(pid: guest.pid).accessibleBlocks(of: blockSize, in: region)
            try #require(needed.isSubset(of: kept), "\(id) lost blocks \(needed.subtracting(kept)) with pinned pages")
            // As much as possible is unplugged: the kernel itself may hold a little, for a while.
            let idle = kept.subtracting(needed)
            if idle.count <= kept.count / 20 { return (memory, left) }
            guard !deadline.hasPassed else {
                throw TestFailure("\(id) keeps \(idle.count) of \(kept.count) blocks without need")
            }
        }
    }
}
