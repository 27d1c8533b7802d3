/// Lists of small numbers as options have them: `0-3` and `5`, each under a key of its own.
enum NumberList {
    /// The numbers with runs drawn together, in the given order.
    static func runs(of numbers: [Int]) -> [String] {
        var runs: [ClosedRange<Int>] = []
        for number in numbers {
            if let last = runs.last, last.upperBound &+ 1 == number {
                runs[runs.count - 1] = last.lowerBound...number
            } else {
                runs.append(number...number)
            }
        }
        return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
    }
}

extension OptionText {
    /// The numbers of one value of a key, such as `0-3` or `5`.
    ///
    /// - Parameters:
    ///   - limit: one past the highest number. A range that can't be must not become a list of that size.
    ///   - explanation: what an error says before the highest number.
    func numbers(
        _ key: String, _ list: String, below limit: Int, _ explanation: String
    ) throws(ConfigurationError) -> [Int] {
        let ends = list.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { Int(decimal: $0) }
        guard let lower = ends[0], let upper = ends[ends.count - 1], lower <= upper else {
            throw ConfigurationError(option, "\(key) \"\(list)\" is neither a number nor a range such as 0-3")
        }
        guard upper < limit else {
            throw ConfigurationError(option, "\(key) \"\(list)\": \(explanation) \(limit - 1)")
        }
        return Array(lower...upper)
    }
}
