import Testing

/// Single pages that a program in the guest keeps where they are, so that memory can only be unplugged in pieces.
struct PinnedMemory {
    private let guest: Guest
    private static let file = "/tmp/pinned"

    /// Pins one page in each `step` bytes of memory.
    init(of size: UInt64, step: UInt64, in guest: Guest) throws {
        self.guest = guest
        let file = Self.file
        try guest.run("rm -f \(file); (memory-pin any \(size) \(step) >>\(file) 2>&1 & echo $! >\(file).pid)")
        var said = ""
        let done = try Deadline(.seconds(120)).poll(every: 200) {
            said = try guest.run("cat \(file)")
            return said.hasSuffix("\n") ? true : nil
        }
        guard done == true, said == "pinned \(size / step)\n" else { throw TestFailure("memory-pin says '\(said)'") }
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
    /// - Returns: what keeps the pages, and the bytes that stay plugged.
    func plugWithHoles(_ size: UInt64, pinned: UInt64, step: UInt64) throws -> (PinnedMemory, UInt64) {
        try resize(to: size)
        let memory = try PinnedMemory(of: pinned, step: step, in: guest)
        try #require(try guest.monitor("qom-set \(id) requested-size 0") == "")
        let left = try waitUntilSettled()
        try requireHostAgreement(on: left)
        let pieces = try HostMemory(pid: guest.pid).accessiblePieces(in: region)
        try #require(pieces >= 16 && left < size, "\(id) has \(pieces) pieces of \(left) bytes left")
        return (memory, left)
    }
}
