/// A program in the guest that holds memory with a pattern in it, until it is told to let go.
struct PatternWorkload {
    let guest: Guest
    let size: UInt64
    let seed: Int
    private let file: String

    /// Starts it, and waits until it has filled its memory.
    ///
    /// - Parameters:
    ///   - size: of its memory, in bytes.
    ///   - seed: tells its pattern from others; each workload of a guest has its own.
    init(holding size: UInt64, seed: Int, node: String = "any", in guest: Guest) throws {
        self.guest = guest
        self.size = size
        self.seed = seed
        file = "/tmp/workload-\(seed)"
        try guest.run("rm -f \(file); (memory-pattern \(node) \(size) \(seed) >>\(file) 2>&1 & echo $! >\(file).pid)")
        try waitFor("filled \(size)")
    }

    /// Checks that the pattern is still there.
    func requireIntact() throws {
        // Without what it said before.
        try guest.run(": >\(file); kill -USR1 $(cat \(file).pid)")
        try waitFor("intact \(size)")
    }

    /// Ends it: its memory is free when this returns.
    func letGo() throws {
        try guest.run("pid=$(cat \(file).pid); kill -9 $pid; while [ -e /proc/$pid ]; do usleep 20000; done")
    }

    private func waitFor(_ line: String) throws {
        var last = ""
        let done = try Deadline(.seconds(180)).poll(every: 200) {
            last = try guest.run("cat \(file)")
            return last.hasSuffix("\n") ? true : nil
        }
        guard done == true, last == line + "\n" else {
            throw TestFailure("the workload says '\(last)' instead of '\(line)'")
        }
    }
}
