import Glibc

/// The mappings of a process, as `/proc/PID/smaps` has them.
struct HostMemory {
    struct Mapping {
        let addresses: Range<UInt64>
        let permissions: String
        /// Bytes that are resident.
        let resident: UInt64
        /// The same, with what several processes share divided among them.
        let proportional: UInt64
    }

    let mappings: [Mapping]

    init(pid: Int32) throws {
        let path = "/proc/\(pid)/smaps"
        guard let file = fopen(path, "re") else {
            throw TestFailure("opening \(path): \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        var mappings: [Mapping] = []
        var head: (Range<UInt64>, String)?
        var resident: UInt64 = 0
        // There are thousands of lines, most of which tell nothing here: C's functions skip those fast.
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while getline(&line, &capacity, file) > 0, let line {
            if strncmp(line, "Rss:", 4) == 0 {
                resident = strtoull(line + 4, nil, 10) << 10
            } else if strncmp(line, "Pss:", 4) == 0, let (addresses, permissions) = head {
                let proportional = UInt64(strtoull(line + 4, nil, 10)) << 10
                mappings.append(
                    Mapping(
                        addresses: addresses, permissions: permissions, resident: resident, proportional: proportional))
            } else if islower(Int32(line[0])) != 0 || isdigit(Int32(line[0])) != 0 {
                head = Self.head(String(cString: line))
            }
        }
        self.mappings = mappings
    }

    /// Reads the line that begins a mapping: `START-END PERMISSIONS …`.
    private static func head(_ line: String) -> (Range<UInt64>, String)? {
        let words = line.split(separator: " ", maxSplits: 2)
        let ends = words[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
        return ends.count == 2 ? (ends[0]..<ends[1], String(words[1])) : nil
    }

    /// Everything that is resident, in bytes.
    var resident: UInt64 { mappings.reduce(0) { $0 + $1.resident } }

    /// What is resident beside the guest's memory, in bytes, with what is shared counted in part. The guest's memory is
    /// told by the size of its mappings.
    var proportionalBesideGuest: UInt64 {
        mappings.filter { $0.addresses.count < 64 << 20 }.reduce(0) { $0 + $1.proportional }
    }

    /// What is resident of a range of addresses, in bytes.
    func resident(in addresses: Range<UInt64>) -> UInt64 {
        mappings.filter { $0.addresses.overlaps(addresses) }.reduce(0) { $0 + $1.resident }
    }

    /// What can be read and written of a range of addresses, in bytes.
    func accessible(in addresses: Range<UInt64>) -> UInt64 {
        mappings.filter { $0.permissions.hasPrefix("rw") }
            .reduce(0) { $0 + UInt64($1.addresses.clamped(to: addresses).count) }
    }

    /// The numbers of the blocks in a range of addresses that can be read and written.
    func accessibleBlocks(of size: UInt64, in addresses: Range<UInt64>) -> Set<UInt64> {
        var blocks: Set<UInt64> = []
        for mapping in mappings where mapping.permissions.hasPrefix("rw") && mapping.addresses.overlaps(addresses) {
            let part = mapping.addresses.clamped(to: addresses)
            blocks.formUnion(
                (part.lowerBound - addresses.lowerBound) / size..<(part.upperBound - addresses.lowerBound) / size)
        }
        return blocks
    }

    /// Where a memory device's region is, as long as nothing of it is plugged: it is one inaccessible mapping then.
    func unpluggedRegion(ofSize size: UInt64) throws -> Range<UInt64> {
        let inaccessible = mappings.filter { $0.permissions.hasPrefix("---") }
        let candidates = inaccessible.filter { $0.addresses.upperBound - $0.addresses.lowerBound == size }
        guard candidates.count == 1 else {
            throw TestFailure("\(candidates.count) inaccessible mappings have \(size) bytes: \(inaccessible)")
        }
        return candidates[0].addresses
    }
}
