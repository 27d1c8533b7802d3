import Configuration

/// What a figure is compared with.
public enum Comparison: Sendable, Equatable, CustomStringConvertible {
    public enum Relation: String, Sendable, CaseIterable {
        // Those of two letters first: they begin like those of one.
        case equal = "=="
        case unequal = "!="
        case atMost = "<="
        case atLeast = ">="
        case less = "<"
        case more = ">"

        func holds(_ left: Double, _ right: Double) -> Bool {
            switch self {
            case .equal: left == right
            case .unequal: left != right
            case .atMost: left <= right
            case .atLeast: left >= right
            case .less: left < right
            case .more: left > right
            }
        }
    }

    case relation(Relation, Expression)
    /// Both ends are in it.
    case range(Expression, Expression)
    /// It has been the same for so many milliseconds.
    case unchanged(UInt64)

    /// Reads `1G`, `>= 1G`, `1G .. 2G` or `unchanged 5s`.
    ///
    /// - Throws: what is wrong, in words.
    init(parsing text: String) throws(ParseFailure) {
        let text = text.trimmed
        if text.hasPrefix("unchanged ") {
            guard let time = try? Milliseconds(parsing: text.dropFirst("unchanged ".count).trimmed) else {
                throw ParseFailure("\"\(text)\": expected a duration, such as 'unchanged 5s'")
            }
            self = .unchanged(time.count)
            return
        }
        if text.hasPrefix("="), !text.hasPrefix("==") {
            throw ParseFailure("\"\(text)\": what a figure is to equal stands there alone, or behind ==")
        }
        if let relation = Relation.allCases.first(where: { text.hasPrefix($0.rawValue) }) {
            self = .relation(relation, try Expression(parsing: String(text.dropFirst(relation.rawValue.count))))
            return
        }
        let parts = text.split(separator: "..", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 {
            self = .range(try Expression(parsing: String(parts[0])), try Expression(parsing: String(parts[1])))
        } else {
            self = .relation(.equal, try Expression(parsing: text))
        }
    }

    public var description: String {
        switch self {
        case .relation(let relation, let expression): "\(relation.rawValue) \(expression.text)"
        case .range(let low, let high): "is from \(low.text) to \(high.text)"
        case .unchanged(let time): "is unchanged for \(Milliseconds(time))"
        }
    }

    /// The names of the figures that it is compared with.
    public var metrics: [Metric] {
        switch self {
        case .relation(_, let expression): expression.metrics
        case .range(let low, let high): low.metrics + high.metrics
        case .unchanged: []
        }
    }

    /// What it is compared with, where figures are among that; empty where one is not known.
    public func values(_ figures: (Metric) -> Double?) -> [Double] {
        guard !metrics.isEmpty else { return [] }
        return switch self {
        case .relation(_, let expression): [expression.value(figures)].compactMap(\.self)
        case .range(let low, let high):
            low.value(figures).flatMap { low in high.value(figures).map { [low, $0] } } ?? []
        case .unchanged: []
        }
    }

    /// Whether it holds; nil where a figure is not known, and for what has to be looked at for some time.
    public func holds(_ value: Double, _ figures: (Metric) -> Double?) -> Bool? {
        switch self {
        case .relation(let relation, let expression):
            guard let other = expression.value(figures) else { return nil }
            return relation.holds(value, other)
        case .range(let low, let high):
            guard let low = low.value(figures), let high = high.value(figures) else { return nil }
            return (low <= value) && (value <= high)
        case .unchanged: return nil
        }
    }
}
