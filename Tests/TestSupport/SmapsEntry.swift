import Glibc
import Host

/// What `/proc/self/smaps` says of the mappings in a range of addresses.
package struct SmapsEntry {
    private(set) var values: [String: UInt64] = [:]
    /// The mappings' flags, each as often as it occurs.
    package private(set) var flags: [String] = []
    /// How many mappings there are.
    package private(set) var count = 0

    /// - Parameter name: `maps` to count mappings alone, which takes less time.
    package init(of mapping: borrowing MemoryMapping, in name: String = "smaps") {
        let base = UInt(bitPattern: mapping.base)
        let range = base..<base + UInt(mapping.size)
        guard let file = fopen("/proc/self/\(name)", "r") else { return }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 4096)
        var isInside = false
        // There are thousands of lines, and few of them are looked at: Swift's strings would take a second.
        while fgets(&line, CInt(line.count), file) != nil {
            if islower(CInt(line[0])) != 0 || isdigit(CInt(line[0])) != 0 {
                isInside = range.contains(strtoul(line, nil, 16))
                count += isInside ? 1 : 0
            } else if isInside {
                let bytes = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                read(String(decoding: bytes, as: UTF8.self).split { $0 == " " || $0 == "\n" }.map(String.init))
            }
        }
    }

    private mutating func read(_ words: [String]) {
        if words.first == "VmFlags:" {
            flags += words.dropFirst()
        } else if words.count == 3, let number = UInt64(words[1]) {
            values[String(words[0].dropLast()), default: 0] += number << 10
        }
    }

    /// Bytes.
    package subscript(key: String) -> UInt64 { values[key] ?? 0 }
}
