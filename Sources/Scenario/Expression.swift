import Configuration

/// A sum of sizes, numbers and figures of the machine, such as `vm0.requested + 64M` or `90% of vm0.requested`.
public struct Expression: Sendable, Equatable {
    enum Term: Sendable, Equatable {
        case number(Double)
        /// So many times a figure.
        case figure(Metric, Double)
    }

    /// As it was written.
    public let text: String
    private let terms: [(isMinus: Bool, term: Term)]

    /// - Throws: what is wrong, in words.
    init(parsing text: String) throws(ParseFailure) {
        self.text = text.trimmed
        var terms: [(isMinus: Bool, term: Term)] = []
        var isMinus = false
        var words = text.split(separator: " ").map(String.init)[...]
        guard !words.isEmpty else { throw ParseFailure("expected a number, a size or a figure") }
        while let word = words.popFirst() {
            terms.append((isMinus, try Self.term(word, &words)))
            guard let sign = words.popFirst() else { break }
            guard !Self.isUnit(sign) else {
                throw ParseFailure("\"\(text)\": sizes have K, M, G or T right behind the number, as in 1G")
            }
            guard sign == "+" || sign == "-", !words.isEmpty else {
                throw ParseFailure(
                    "\"\(text)\": expected + or - between two terms, with spaces around it, not \"\(sign)\"")
            }
            isMinus = sign == "-"
        }
        self.terms = terms
    }

    /// What people write behind a size, with a space before it.
    private static func isUnit(_ word: String) -> Bool {
        ["B", "K", "KB", "KIB", "M", "MB", "MIB", "G", "GB", "GIB", "T", "TB", "TIB"].contains(word.uppercased())
    }

    private static func term(_ word: String, _ rest: inout ArraySlice<String>) throws(ParseFailure) -> Term {
        if word.hasSuffix("%") {
            guard let percent = Double(word.dropLast()), percent.isFinite else {
                throw ParseFailure("\"\(word)\" is no percentage")
            }
            guard rest.popFirst() == "of", let name = rest.popFirst() else {
                throw ParseFailure("expected a figure behind \(word), as in '\(word) of vm0.requested'")
            }
            return .figure(try Metric(parsing: name), percent / 100)
        }
        if let first = word.utf8.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) {
            guard let number = number(word) else {
                throw ParseFailure(
                    "\"\(word)\" is neither a number nor a size such as 512M or 1.5G nor a duration such as 5s;"
                        + " sums have spaces around + and -")
            }
            return .number(number)
        }
        return .figure(try Metric(parsing: word), 1)
    }

    /// A number, a size in bytes, or a duration in seconds.
    public static func number(_ word: String) -> Double? {
        if let number = Double(word) { return number.isFinite ? number : nil }
        if let time = try? Milliseconds(parsing: word) { return Double(time.count) / 1000 }
        return size(word)
    }

    /// A number with K, M, G or T behind it, in bytes.
    static func size(_ word: String) -> Double? {
        let units = ["K": 1024.0, "M": 1_048_576, "G": 1_073_741_824, "T": 1_099_511_627_776]
        guard let last = word.last, let unit = units[last.uppercased()], let count = Double(word.dropLast()),
            (count * unit).isFinite
        else { return nil }
        return count * unit
    }

    /// The figures in it.
    public var metrics: [Metric] {
        terms.compactMap { if case .figure(let metric, _) = $0.term { metric } else { nil } }
    }

    /// - Parameter figures: tells a figure; nil where it is not known.
    /// - Returns: nil where one is not known.
    public func value(_ figures: (Metric) -> Double?) -> Double? {
        var sum = 0.0
        for (isMinus, term) in terms {
            let value: Double
            switch term {
            case .number(let number): value = number
            case .figure(let metric, let factor):
                guard let figure = figures(metric) else { return nil }
                value = figure * factor
            }
            sum += isMinus ? -value : value
        }
        return sum
    }

    public static func == (left: Expression, right: Expression) -> Bool {
        left.terms.elementsEqual(right.terms) { $0 == $1 }
    }
}

extension StringProtocol {
    /// Without spaces at both ends.
    var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
