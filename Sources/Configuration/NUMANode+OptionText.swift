extension NUMANode {
    /// Reads the value of `--numa`: `node=0,cpus=0-1,memory=2G`, or `node=2` for a node with neither.
    public init(optionText text: String) throws(ConfigurationError) {
        let option = try OptionText("--numa", text, keys: ["node", "cpus", "memory"], repeatable: ["cpus"])
        _ = try option.required("node")
        let id = try option.number("node", as: UInt32.self) ?? 0
        var processors: [Int] = []
        for list in option.all("cpus") {
            processors += try Self.processors(of: list, in: option)
        }
        self.init(id: id, processors: processors, memory: try option.size("memory") ?? 0)
    }

    /// The node as `--numa` takes it.
    public var optionText: String {
        var text = "node=\(id)"
        for run in Self.runs(of: processors) {
            text += ",cpus=\(run)"
        }
        if memory > 0 {
            text += ",memory=\(ByteSize(memory))"
        }
        return text
    }

    /// Processor numbers in words, runs drawn together: `0-2, 5`.
    static func listText(_ processors: [Int]) -> String {
        runs(of: processors).joined(separator: ", ")
    }

    private static func processors(of list: String, in option: OptionText) throws(ConfigurationError) -> [Int] {
        let ends = list.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { Int(decimal: $0) }
        guard let lower = ends[0], let upper = ends[ends.count - 1], lower <= upper else {
            throw ConfigurationError(option.option, "cpus \"\(list)\" is neither a number nor a range such as 0-3")
        }
        // A range that no machine can have must not become a list of that size.
        guard upper < ProcessorTopology.maximumCount else {
            throw ConfigurationError(
                option.option,
                "cpus \"\(list)\": processors have the numbers 0 to \(ProcessorTopology.maximumCount - 1)"
            )
        }
        return Array(lower...upper)
    }

    private static func runs(of processors: [Int]) -> [String] {
        var runs: [ClosedRange<Int>] = []
        for processor in processors {
            if let last = runs.last, last.upperBound &+ 1 == processor {
                runs[runs.count - 1] = last.lowerBound...processor
            } else {
                runs.append(processor...processor)
            }
        }
        return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
    }
}
