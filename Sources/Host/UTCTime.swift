import Glibc

/// A moment as logs show it (RFC 3339): `2026-11-24T08:15:00.123Z`.
public struct UTCTime: Sendable, Equatable, CustomStringConvertible {
    /// Since 1970.
    public let microseconds: UInt64

    public init(microseconds: UInt64) {
        self.microseconds = microseconds
    }

    public var description: String {
        var seconds = time_t(microseconds / 1_000_000)
        var parts = unsafe tm()
        unsafe gmtime_r(&seconds, &parts)
        let date = unsafe [parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday].map { Self.padded($0, 2) }
        let clock = unsafe [parts.tm_hour, parts.tm_min, parts.tm_sec].map { Self.padded($0, 2) }
        return "\(date.joined(separator: "-"))T\(clock.joined(separator: ":"))."
            + "\(Self.padded(microseconds / 1_000 % 1_000, 3))Z"
    }

    private static func padded(_ number: some BinaryInteger, _ width: Int) -> String {
        let digits = "\(number)"
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
