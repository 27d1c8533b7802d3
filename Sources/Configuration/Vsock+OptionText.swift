extension Vsock {
    private static let keys = ["cid", "socket"]
    private static let descriptorKey = "fd"

    /// Reads the value of `--vsock`: `cid=3,socket=/run/web.vsock`. The path may hold commas, unless a key follows.
    public init(optionText text: String) throws(ConfigurationError) {
        try self.init(optionText: text, isOpened: false)
    }

    /// - Parameter isOpened: whether a descriptor stands with the path, as in a launch request.
    init(optionText text: String, isOpened: Bool) throws(ConfigurationError) {
        let option = try OptionText(
            "--vsock", text, keys: Self.keys, hiddenKeys: isOpened ? [Self.descriptorKey] : [],
            rest: isOpened ? "socket" : nil, open: isOpened ? nil : "socket")
        _ = try option.required("cid")
        self.init(
            cid: try option.number("cid", as: UInt32.self) ?? 0, path: try option.required("socket"),
            descriptor: isOpened ? try option.descriptor() : nil)
    }

    /// It as `--vsock` takes it, its path last.
    public var optionText: String {
        var text = "cid=\(cid)"
        if let descriptor { text += ",\(Self.descriptorKey)=\(descriptor)" }
        return text + ",socket=\(path)"
    }
}
