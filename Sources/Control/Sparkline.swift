/// A trace as a line of small bars, the newest at the right.
public struct Sparkline: Sendable {
    private static let blocks = Array("▁▂▃▄▅▆▇█")
    /// For terminals that show nothing but ASCII.
    private static let signs = Array("_.:-=+*#")

    private let bars: [Character]

    public init(isUTF8: Bool) {
        bars = isUTF8 ? Self.blocks : Self.signs
    }

    /// The bars, with spaces where there is nothing to show.
    ///
    /// - Parameters:
    ///   - columns: how many bars; where there are fewer than moments, each shows the most of several.
    ///   - most: what a bar of full height stands for.
    public func text(_ trace: Trace, columns: Int, most: UInt64) -> String {
        let absent = Trace.length - trace.values.count
        return String(
            (0..<columns).map { column -> Character in
                // A trace that is not full yet grows from the right.
                let first = max(0, column * Trace.length / columns - absent)
                let end = max(0, (column + 1) * Trace.length / columns - absent)
                return bar(trace.values[first..<end].lazy.compactMap { $0 }.max(), most)
            })
    }

    /// What is more than nothing has more than the lowest bar.
    private func bar(_ value: UInt64?, _ most: UInt64) -> Character {
        guard let value else { return " " }
        guard value > 0, most > 0 else { return bars[0] }
        let height = (Double(value) / Double(most) * Double(bars.count - 1)).rounded()
        return bars[min(bars.count - 1, max(1, Int(height)))]
    }
}
