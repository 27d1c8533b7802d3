extension ProcessorTopology {
    /// Reads the value of `--cpus`: `4` or `4,sockets=2,cores=2,threads=1`.
    public init(optionText text: String) throws(ConfigurationError) {
        let count = text.prefix { $0 != "," }
        guard let number = Int(decimal: count) else {
            throw ConfigurationError(
                "--cpus \(text)", "\"\(count)\" is not a number; give 4 or 4,sockets=2,cores=2,threads=1")
        }
        guard count.endIndex != text.endIndex else {
            self.init(count: number)
            return
        }
        let option = try OptionText(
            "--cpus", text[text.index(after: count.endIndex)...], keys: ["sockets", "cores", "threads"])
        self.init(
            count: number, sockets: try option.number("sockets", as: Int.self),
            cores: try option.number("cores", as: Int.self), threads: try option.number("threads", as: Int.self))
    }

    /// The topology as `--cpus` takes it.
    public var optionText: String {
        "\(count),sockets=\(sockets),cores=\(cores),threads=\(threads)"
    }
}
