/// Puts labels above a plot into rows so that none covers another.
struct PlotLabels {
    let rows: Int
    /// What is taken of each row, from left to right.
    private var taken: [[ClosedRange<Double>]]

    init(rows: Int) {
        self.rows = rows
        taken = Array(repeating: [], count: rows)
    }

    /// The lowest row with room for a label around that place, which takes it; nil where there is none. Those that
    /// matter more come first.
    mutating func place(_ text: String, at x: Double) -> Int? {
        let half = Double(text.count) * 3.2 + 2.5
        let range = x - half...x + half
        for row in 0..<rows where !taken[row].contains(where: { $0.overlaps(range) }) {
            taken[row].append(range)
            return row
        }
        return nil
    }
}
