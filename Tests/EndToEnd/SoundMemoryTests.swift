import Testing

/// What a guest has in its memory stays as it is, whatever happens to other memory.
@Suite(.serialized, .needsKVMHost) struct SoundMemoryTests {
    @Test func patternsOutliveResizesOfAnotherDevice() throws {
        try resizeBesidePatterns(.debian13())
    }
}

/// Fills half of one device's memory and half of boot memory with patterns, resizes another device twenty times, and
/// looks at the patterns.
func resizeBesidePatterns(_ kernel: GuestKernel) throws {
    let arguments = [
        "--cpus", "2", "--numa", "node=0,cpus=0-1,memory=384M", "--numa", "node=1", "--numa", "node=2",
        "--virtio-mem", "id=vm0,size=2G,node=1,requested-size=256M",
        "--virtio-mem", "id=vm1,size=2G,node=2,requested-size=0",
    ]
    try withGuest(kernel, arguments) { guest in
        try guest.waitForTotal(.mebibytes(256), ofNode: 1)
        let fills = [(node: 1, size: UInt64.mebibytes(128), seed: 7), (node: 0, size: .mebibytes(192), seed: 8)]
        for fill in fills {
            try guest.run("(memory-pattern \(fill.node) \(fill.size) \(fill.seed) >/tmp/pattern\(fill.node) 2>&1 &)")
            try waitForPattern(guest, fill.node, "filled \(fill.size)")
        }
        for step in 1...10 {
            try guest.resize("vm1", to: .mebibytes(step.isMultiple(of: 2) ? 256 : 384))
            try guest.resize("vm1", to: step.isMultiple(of: 3) ? .mebibytes(128) : 0)
        }
        try guest.run("killall -USR1 memory-pattern")
        for fill in fills {
            try waitForPattern(guest, fill.node, "intact \(fill.size)")
        }
        try guest.requireHealthyKernel()
        try guest.quit()
    }
}

private func waitForPattern(_ guest: Guest, _ node: Int, _ line: String) throws {
    var last = ""
    let done = try Deadline(.seconds(180)).poll(every: 200) {
        last = try guest.run("cat /tmp/pattern\(node)")
        let answer = last.split(separator: "\n").last ?? ""
        return answer == line || answer.hasPrefix("corrupt") ? true : nil
    }
    guard done == true, last.hasSuffix(line + "\n") else {
        throw TestFailure("the pattern in node \(node) says '\(last)' instead of '\(line)'")
    }
}
