import Glibc

/// The mappings of a process, as `/proc/PID/smaps` has them.
struct HostMemory {
    struct Mapping {
        let addresses: Range<UInt64>
        let permissions: String
        /// Bytes that are resident.
        let resident: UInt64
    }

    let mappings: [Mapping]

    init(pid: Int32) throws {
        let path = "/proc/\(pid)/smaps"
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw TestFailure("opening \(path): \(String(cString: strerror(errno)))") }
        // A piece at a time, which is how the kernel gives it.
        let source = ByteSource(descriptor)
        source.read()
        let text = source.text
        var mappings: [Mapping] = []
        var head: (Range<UInt64>, String)?
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            let ends = words[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
            if ends.count == 2 {
                head = (ends[0]..<ends[1], String(words[1]))
            } else if words[0] == "Rss:", let (addresses, permissions) = head, let size = UInt64(words[1]) {
                mappings.append(Mapping(addresses: addresses, permissions: permissions, resident: size << 10))
            }
        }
        self.mappings = mappings
    }

    /// Everything that is resident, in bytes.
    var resident: UInt64 { mappings.reduce(0) { $0 + $1.resident } }

    /// What is resident of a range of addresses, in bytes.
    func resident(in addresses: Range<UInt64>) -> UInt64 {
        mappings.filter { $0.addresses.overlaps(addresses) }.reduce(0) { $0 + $1.resident }
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
