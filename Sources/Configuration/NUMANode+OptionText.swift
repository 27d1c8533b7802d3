extension NUMANode {
    /// Reads the value of `--numa`: `node=0,cpus=0-1,memory=2G`, or `node=2` for a node with neither.
    public init(optionText text: String) throws(ConfigurationError) {
        let option = try OptionText("--numa", text, keys: ["node", "cpus", "memory"], repeatable: ["cpus"])
        _ = try option.required("node")
        let id = try option.number("node", as: UInt32.self) ?? 0
        var processors: [Int] = []
        for list in option.all("cpus") {
            processors += try option.numbers(
                "cpus", list, below: ProcessorTopology.maximumCount, "processors have the numbers 0 to")
        }
        self.init(id: id, processors: processors, memory: try option.size("memory") ?? 0)
    }

    /// The node as `--numa` takes it.
    public var optionText: String {
        var text = "node=\(id)"
        for run in NumberList.runs(of: processors) {
            text += ",cpus=\(run)"
        }
        if memory > 0 {
            text += ",memory=\(ByteSize(memory))"
        }
        return text
    }

    /// Processor numbers in words, runs drawn together: `0-2, 5`.
    static func listText(_ processors: [Int]) -> String {
        NumberList.runs(of: processors).joined(separator: ", ")
    }
}
