extension ProcessorTopology {
    /// Reads the value of `--cpus`: `4` or `4,sockets=2,cores=2,threads=1`.
    ///
    /// - Parameter nodes: the machine's NUMA nodes. Where the value is a number alone, and all nodes with vCPUs have
    ///   equally many in a row, each of them is a socket.
    public init(optionText text: String, nodes: [NUMANode] = []) throws(ConfigurationError) {
        let count = text.prefix { $0 != "," }
        guard let number = Int(decimal: count) else {
            throw ConfigurationError(
                "--cpus \(text)", "\"\(count)\" is not a number; give 4 or 4,sockets=2,cores=2,threads=1")
        }
        guard count.endIndex != text.endIndex else {
            self.init(count: number, sockets: Self.sockets(of: nodes, count: number))
            return
        }
        let option = try OptionText(
            "--cpus", text[text.index(after: count.endIndex)...], keys: ["sockets", "cores", "threads"])
        self.init(
            count: number, sockets: try option.number("sockets", as: Int.self),
            cores: try option.number("cores", as: Int.self), threads: try option.number("threads", as: Int.self))
    }

    /// Linux does not believe in a cache that is shared by several nodes, so a node's vCPUs are better a socket.
    ///
    /// - Returns: nil where nodes are no sockets.
    private static func sockets(of nodes: [NUMANode], count: Int) -> Int? {
        let groups = nodes.map { $0.processors.sorted() }.filter { !$0.isEmpty }
            .sorted { $0.lexicographicallyPrecedes($1) }
        guard groups.count > 1, Set(groups.map(\.count)).count == 1, groups.joined().elementsEqual(0..<max(count, 0))
        else { return nil }
        return groups.count
    }

    /// The topology as `--cpus` takes it.
    public var optionText: String {
        "\(count),sockets=\(sockets),cores=\(cores),threads=\(threads)"
    }
}
