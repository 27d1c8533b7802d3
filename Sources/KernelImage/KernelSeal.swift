import SystemPackage

/// What is known of a file since it was put into the cache.
///
/// Its first line tells whether the file was changed since: its size and times. The change time, other than the time of
/// the last modification, nobody can set back. (Numbers of device and inode would differ where the same files are mounted
/// elsewhere.) The second line has the runs of zeroes in it.
struct KernelSeal: Equatable {
    /// More than any has, in bytes.
    static let longest = 4096

    let text: String

    init(_ status: Stat, zeroes: [Range<UInt64>]) {
        text = Self.firstLine(status) + zeroes.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: " ") + "\n"
    }

    /// The runs of zeroes that the seal of a file tells; nil where it is no seal of the file as it is.
    static func zeroes(_ seal: String, of status: Stat) -> [Range<UInt64>]? {
        let line = firstLine(status)
        guard seal.hasPrefix(line), seal.hasSuffix("\n") else { return nil }
        var zeroes: [Range<UInt64>] = []
        for word in seal.dropFirst(line.count).dropLast().split(separator: " ") {
            let ends = word.split(separator: "-").compactMap { UInt64($0) }
            guard ends.count == 2, zeroes.last?.upperBound ?? 0 <= ends[0], ends[0] <= ends[1],
                ends[1] <= UInt64(status.size)
            else { return nil }
            zeroes.append(ends[0]..<ends[1])
        }
        return zeroes
    }

    private static func firstLine(_ status: Stat) -> String {
        let numbers = [
            Int(status.size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
            status.st_ctim.tv_nsec,
        ]
        return numbers.map { String($0) }.joined(separator: " ") + "\n"
    }
}
