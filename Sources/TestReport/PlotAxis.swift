/// The numbers along an edge of a plot, from 0.
struct PlotAxis: Sendable, Equatable {
    /// What the far end stands for.
    let maximum: Double
    /// Where numbers stand.
    let ticks: [Double]

    /// For sizes in bytes: a number for each multiple of a power of two, so that no line leaves the plot.
    static func bytes(upTo value: Double) -> PlotAxis {
        let value = max(value, 1)
        var step = 1.0
        while value / step > 5 { step *= 2 }
        let count = (value / step).rounded(.up)
        return PlotAxis(maximum: count * step, ticks: (0...Int(count)).map { Double($0) * step })
    }

    /// For time in milliseconds: numbers at 1, 2 or 5 times a power of ten, and the end where the time ends.
    static func time(upTo milliseconds: UInt64) -> PlotAxis {
        let end = Double(max(milliseconds, 1))
        var decade = 1.0
        while end / (decade * 5) > 10 { decade *= 10 }
        let step = [1.0, 2, 5].map { $0 * decade }.first { end / $0 <= 10 } ?? decade * 5
        return PlotAxis(maximum: end, ticks: (0...Int(end / step)).map { Double($0) * step })
    }
}
