/// What `info memory-devices` says of one device.
struct MemoryDeviceReport: Equatable {
    let id: String
    let properties: [String: String]

    /// Bytes that are plugged.
    var size: UInt64? { properties["size"].flatMap { UInt64($0) } }
    var address: UInt64? { properties["memaddr"].flatMap { UInt64($0.dropFirst(2), radix: 16) } }

    /// Reads the whole answer.
    static func parse(_ text: String) throws -> [MemoryDeviceReport] {
        var reports: [MemoryDeviceReport] = []
        var id: String?
        var properties: [String: String] = [:]
        func finish() {
            if let id {
                reports.append(MemoryDeviceReport(id: id, properties: properties))
            }
            properties = [:]
        }
        for line in text.split(separator: "\n") {
            if line.hasPrefix("Memory device [virtio-mem]: \"") {
                finish()
                id = line.split(separator: "\"").last.map { String($0) }
            } else if line.hasPrefix("  "), let colon = line.firstIndex(of: ":") {
                // Of several explanations the first is the likeliest.
                let key = String(line[..<colon].dropFirst(2))
                properties[key] = properties[key] ?? String(line[line.index(colon, offsetBy: 2)...])
            } else {
                throw TestFailure("info memory-devices has an unexpected line: \(line)")
            }
        }
        finish()
        return reports
    }
}

extension UInt64 {
    static func mebibytes(_ count: UInt64) -> UInt64 { count << 20 }
    static func gibibytes(_ count: UInt64) -> UInt64 { count << 30 }
}

extension Guest {
    /// What the monitor says of a device.
    func memoryDevice(_ id: String) throws -> MemoryDeviceReport {
        let reports = try MemoryDeviceReport.parse(monitor("info memory-devices"))
        guard let report = reports.first(where: { $0.id == id }) else {
            throw TestFailure("info memory-devices does not name \(id)")
        }
        return report
    }

    /// Asks for a size of a device, and waits until it has it.
    ///
    /// - Parameter time: Debian's kernels zero what they give back (init_on_alloc=1), so an unplug takes long.
    func resize(_ id: String, to size: UInt64, within time: Duration = .seconds(180)) throws {
        let answer = try monitor("qom-set \(id) requested-size \(size)")
        guard answer.isEmpty else { throw TestFailure("qom-set \(id) requested-size \(size): \(answer)") }
        try waitForSize(size, of: id, within: time)
    }

    /// Waits until a device has as much plugged.
    func waitForSize(_ size: UInt64, of id: String, within time: Duration = .seconds(180)) throws {
        var last: UInt64?
        let done = try Deadline(time).poll {
            last = try memoryDevice(id).size
            return last == size ? true : nil
        }
        guard done != nil else {
            throw TestFailure("\(id) has \(last ?? 0) bytes plugged instead of \(size) after \(time)")
        }
    }

    /// The live memory slots, as `info memory-slots` prints them.
    func memorySlots() throws -> [String] {
        try monitor("info memory-slots").split(separator: "\n").map { String($0) }
    }

    /// Waits until no slot of a device is live: that is promised a second after the last request.
    func waitForNoSlots(of id: String, within time: Duration = .seconds(10)) throws {
        let done = try Deadline(time).poll { try memorySlots().contains { $0.hasSuffix(" \(id)") } ? nil : true }
        guard done != nil else {
            throw TestFailure(
                "slots of \(id) are live \(time) after its last block was unplugged: \(try memorySlots())")
        }
    }

    /// Waits until a node of the guest's has as much memory: blocks come online one after another.
    func waitForTotal(_ size: UInt64, ofNode node: Int, within time: Duration = .seconds(60)) throws {
        var last: UInt64 = 0
        let done = try Deadline(time).poll {
            last = try memory(ofNode: node).total
            return last == size ? true : nil
        }
        guard done != nil else {
            throw TestFailure("node \(node) of the guest has \(last) bytes instead of \(size) after \(time)")
        }
    }
}
