/// Figures as reports show them to people: short, and rounded.
public enum ReportFormat {
    /// A size in bytes with at most three digits or the whole ones, in powers of 1024: `1.5G`, `768M`, `512B`, `0`.
    public static func size(_ bytes: UInt64) -> String {
        size(Double(bytes))
    }

    /// A size that was measured or is the difference of two: it may be negative.
    public static func size(_ bytes: Double) -> String {
        guard bytes.isFinite else { return "\(bytes)" }
        guard bytes >= 0 else { return "-" + size(-bytes) }
        let units = ["B", "K", "M", "G", "T"]
        var value = bytes
        var unit = 0
        // What would be rounded to 1024 of a unit is one of the next.
        while value >= (value < 1024 ? 1023.5 : 1024), unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        let digits = trimmed(decimal(value, places: value < 9.995 ? 2 : value < 99.95 ? 1 : 0))
        return digits == "0" ? "0" : digits + units[unit]
    }

    /// A span of time: `850 ms`, `1.2 s`, `2:05 min`, `1:02:05 h`.
    public static func duration(milliseconds: UInt64) -> String {
        guard milliseconds >= 1000 else { return "\(milliseconds) ms" }
        let tenths = rounded(milliseconds, per: 100)
        guard tenths >= 600 else { return "\(tenths / 10).\(tenths % 10) s" }
        let seconds = rounded(milliseconds, per: 1000)
        guard seconds >= 3600 else { return "\(seconds / 60):\(padded(seconds % 60, 2)) min" }
        return "\(seconds / 3600):\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2)) h"
    }

    /// A span of time in seconds, to the millisecond, as programs read it: `12.345`.
    public static func seconds(milliseconds: UInt64) -> String {
        "\(milliseconds / 1000).\(padded(milliseconds % 1000, 3))"
    }

    /// A figure that a scenario measured, with its unit.
    public static func value(_ value: Double, _ unit: CaseReport.Measurement.Unit) -> String {
        switch unit {
        case .bytes: return size(value)
        case .count: return count(value)
        case .seconds:
            guard value >= 0, value < 1e12 else { return count(value) + " s" }
            guard value >= 0.01 else { return trimmed(decimal(value * 1000, places: 2)) + " ms" }
            return duration(milliseconds: UInt64((value * 1000).rounded()))
        }
    }

    /// How much more or less the second is than the first: `+83 %`, `-12 %`; `from 0` where there is nothing to relate
    /// it to.
    public static func change(from before: Double, to after: Double) -> String {
        guard before != 0 else { return after == 0 ? "±0 %" : "from 0" }
        let percent = (after - before) / abs(before) * 100
        guard percent.isFinite else { return "?" }
        let digits = decimal(percent, places: 0)
        return (digits == "0" ? "±" : percent > 0 ? "+" : "") + digits + " %"
    }

    /// A number with so many digits behind its point, rounded; halves go away from zero. What is too large for that, or
    /// no number, is written as Swift does.
    public static func decimal(_ value: Double, places: Int) -> String {
        let scale = (0..<places).reduce(1.0) { scale, _ in scale * 10 }
        let scaled = (abs(value) * scale).rounded()
        guard scaled.isFinite, scaled < 0x1p63 else { return "\(value)" }
        let sign = value < 0 && scaled > 0 ? "-" : ""
        let digits = padded(UInt64(scaled), places + 1)
        return places > 0 ? "\(sign)\(digits.dropLast(places)).\(digits.suffix(places))" : sign + digits
    }

    /// A decimal number without the zeros at the end of its fraction.
    static func trimmed(_ digits: String) -> String {
        guard digits.utf8.contains(UInt8(ascii: ".")), !digits.utf8.contains(UInt8(ascii: "e")) else { return digits }
        var digits = Substring(digits)
        while digits.utf8.last == UInt8(ascii: "0") { digits.removeLast() }
        if digits.utf8.last == UInt8(ascii: ".") { digits.removeLast() }
        return String(digits)
    }

    private static func count(_ value: Double) -> String {
        let digits = trimmed(decimal(value, places: abs(value) >= 100 ? 1 : abs(value) >= 1 ? 2 : 4))
        return digits == "0" && value != 0 ? "\(value)" : digits
    }

    /// To the nearest; the sum of a number and half the divisor might not fit.
    private static func rounded(_ number: UInt64, per divisor: UInt64) -> UInt64 {
        number / divisor + (number % divisor >= divisor / 2 ? 1 : 0)
    }

    private static func padded(_ number: UInt64, _ width: Int) -> String {
        let digits = "\(number)"
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
