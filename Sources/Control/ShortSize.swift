import Configuration

/// A size for a narrow column: at most six characters, up to 99999T.
enum ShortSize {
    private static let width = 6
    private static let units: [(letter: String, shift: UInt64)] = [("K", 10), ("M", 20), ("G", 30), ("T", 40)]

    /// Whole mebibytes where these fit, else as many digits as do.
    static func text(_ bytes: UInt64) -> String {
        let whole = "\(ByteSize(bytes >= 1 << 20 ? bytes & ~0xF_FFFF : bytes))"
        guard whole.count > width else { return whole }
        for unit in units where bytes >> unit.shift < 1_000 {
            let tenths = (bytes >> (unit.shift - 10)) % 1_024 * 10 / 1_024
            return "\(bytes >> unit.shift).\(tenths)\(unit.letter)"
        }
        return "\(bytes >> 40)T"
    }
}
