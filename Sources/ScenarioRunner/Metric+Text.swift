import Configuration
import Scenario

extension Metric {
    /// A value of this figure as people read it, such as `512M`.
    func text(_ value: Double) -> String {
        guard isSize, value >= 0, value < 0x1p63, value.rounded() == value else { return Self.number(value) }
        let bytes = UInt64(value)
        let exact = "\(ByteSize(bytes))"
        // What is no multiple of anything is shown in megabytes, too.
        guard bytes >= 1 << 20, bytes % (1 << 20) != 0 else { return exact }
        return "\(exact) (\(Self.number((value / 0x1p20 * 10).rounded() / 10))M)"
    }

    static func number(_ value: Double) -> String {
        value.rounded() == value && abs(value) < 0x1p53 ? "\(Int64(value))" : "\(value)"
    }
}
