import Testing

/// Memory as a guest's kernel counts it, in bytes.
struct GuestMemoryReport {
    var total: UInt64
    var free: UInt64

    static let none = GuestMemoryReport(total: 0, free: 0)

    private init(total: UInt64, free: UInt64) {
        (self.total, self.free) = (total, free)
    }

    /// Reads `/proc/meminfo`, or what sysfs has for a node, in which each line begins with the node's name.
    init(_ text: String) throws {
        func value(of name: String) throws -> UInt64 {
            for line in text.split(separator: "\n") {
                let words = line.split(separator: " ")
                if let index = words.firstIndex(of: "\(name):"), let number = UInt64(words[index + 1]) {
                    return number << 10
                }
            }
            throw TestFailure("the guest does not tell its \(name): \(text)")
        }
        (total, free) = (try value(of: "MemTotal"), try value(of: "MemFree"))
    }
}

extension Guest {
    /// All memory that the guest's kernel has.
    func memory() throws -> GuestMemoryReport {
        try GuestMemoryReport(run("grep -E 'MemTotal|MemFree' /proc/meminfo"))
    }

    /// The memory of one node. Linux takes a node away that has neither processors nor memory any more.
    func memory(ofNode node: Int) throws -> GuestMemoryReport {
        let text = try run("cat /sys/devices/system/node/node\(node)/meminfo 2>/dev/null || echo no node")
        return text == "no node\n" ? .none : try GuestMemoryReport(text)
    }

    /// Makes sure that the kernel has found nothing wrong.
    func requireHealthyKernel() throws {
        // Each warning and each bug stands behind such a line. The emulated KVM host causes one of its own, under any
        // VMM: its processor does not tell KVM when a guest changes XCR0.
        let warnings = try run("dmesg | grep -A1 'cut here' | grep -v -e 'cut here' -e '^--' || true")
            .split(separator: "\n").filter { !$0.contains("XSAVE consistency problem") }
        try #require(warnings.isEmpty, "\(warnings)")
        let complaints = try run(
            "dmesg | grep -E 'BUG:|Oops:|soft lockup|self-detected stall|blocked for more' || true")
        try #require(complaints.isEmpty, "\(complaints)")
    }
}
