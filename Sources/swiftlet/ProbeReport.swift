/// What `swiftlet-vmm --probe` says: lines of the form `key=value`.
struct ProbeReport {
    private let lines: [(key: Substring, value: Substring)]

    init(_ text: String) {
        lines = text.split(separator: "\n").compactMap { line in
            guard let sign = line.firstIndex(of: "=") else { return nil }
            return (line[..<sign], line[line.index(after: sign)...])
        }
    }

    /// The value of a key; empty where the probe did not get that far.
    subscript(key: String) -> String {
        lines.first { $0.key == key }.map { String($0.value) } ?? ""
    }

    /// Every KVM capability that Swiftlet looks at.
    var capabilities: [(name: String, isThere: Bool)] {
        lines.filter { $0.key.hasPrefix("cap-") }.map { line in
            (String(line.key.dropFirst(4)), !["", "0", "no", "missing"].contains(line.value))
        }
    }

    /// Whether Linux guests can run.
    var bootsLinux: Bool { self["boots-linux"] == "yes" }
}
