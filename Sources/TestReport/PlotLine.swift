/// One amount over time.
struct PlotLine: Sendable, Equatable {
    /// What it shows; its raw value is the class that gives it its colour.
    enum Style: String, Sendable, CaseIterable {
        case usable
        case resident
        case guestTotal = "guest-total"
        case guestFree = "guest-free"
        case plugged
        case requested

        var label: String {
            switch self {
            case .usable: "usable"
            case .resident: "resident on the host"
            case .guestTotal: "guest's MemTotal"
            case .guestFree: "guest's MemFree"
            case .plugged: "plugged"
            case .requested: "requested"
            }
        }

        /// Whether a value holds until the next sample, as of what somebody sets; else it changes steadily.
        var isStepped: Bool {
            switch self {
            case .usable, .plugged, .requested: true
            case .resident, .guestTotal, .guestFree: false
            }
        }
    }

    struct Point: Sendable, Equatable {
        /// In milliseconds.
        var at: UInt64
        /// In bytes; nil where the line has a gap.
        var value: Double?
    }

    var style: Style
    var points: [Point]

    var maximum: Double { points.reduce(0) { max($0, $1.value ?? 0) } }
    var isEmpty: Bool { points.allSatisfy { $0.value == nil } }

    /// The line with about so many points at most: of each stretch, the first, the last, the least, the greatest and a gap
    /// are kept, so that a short peak is seen whatever the length of the whole.
    func reduced(to limit: Int = 1000) -> PlotLine {
        guard points.count > limit else { return self }
        let stretches = max(1, limit / 5)
        var kept: [Point] = []
        for stretch in 0..<stretches {
            let range = points.count * stretch / stretches..<points.count * (stretch + 1) / stretches
            kept += Self.notable(in: points, range).map { points[$0] }
        }
        return PlotLine(style: style, points: kept)
    }

    /// The indices of at most five points, in order.
    private static func notable(in points: [Point], _ range: Range<Int>) -> [Int] {
        var gap: Int?
        var first: Int?
        var last: Int?
        var least: (index: Int, value: Double)?
        var greatest: (index: Int, value: Double)?
        for index in range {
            guard let value = points[index].value else {
                gap = gap ?? index
                continue
            }
            first = first ?? index
            last = index
            if least.map({ value < $0.value }) ?? true { least = (index, value) }
            if greatest.map({ value > $0.value }) ?? true { greatest = (index, value) }
        }
        return Set([gap, first, last, least?.index, greatest?.index].compactMap(\.self)).sorted()
    }
}
