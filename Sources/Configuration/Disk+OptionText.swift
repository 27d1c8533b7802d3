extension Disk {
    private static let keys = [
        "path", "id", "readonly", "direct", "serial", "queues", "queue-size", "discard", "cache",
    ]
    private static let descriptorKey = "fd"

    /// Reads the value of `--disk`: `path=root.img,id=root,readonly=on` and so on, where `path` must be given. A path may
    /// hold commas, unless one of the keys follows.
    ///
    /// - Parameter index: how many disks stand before it: it is called after that where it has no `id`.
    public init(optionText text: String, index: Int) throws(ConfigurationError) {
        try self.init(optionText: text, index: index, isOpened: false)
    }

    /// - Parameter isOpened: whether a descriptor stands with the path, as in a launch request.
    init(optionText text: String, index: Int, isOpened: Bool) throws(ConfigurationError) {
        let option = try OptionText(
            "--disk", text, keys: Self.keys, hiddenKeys: isOpened ? [Self.descriptorKey] : [],
            rest: isOpened ? "path" : nil, open: isOpened ? nil : "path")
        self.init(
            id: option.value("id") ?? "disk\(index)", path: try option.required("path"),
            descriptor: isOpened ? try option.descriptor() : nil, isReadOnly: try option.flag("readonly") ?? false,
            isDirect: try option.flag("direct") ?? false, serial: option.value("serial") ?? "",
            queueCount: try option.number("queues", as: Int.self) ?? 1,
            queueSize: try option.number("queue-size", as: UInt16.self) ?? Self.defaultQueueSize,
            discards: try option.flag("discard") ?? true,
            cache: try option.choice("cache", as: DiskCache.self) ?? .writeback)
    }

    /// The disk as `--disk` takes it, its path last. What is seldom changed stands there only where it was.
    public var optionText: String {
        var text = "id=\(id)"
        if let descriptor { text += ",\(Self.descriptorKey)=\(descriptor)" }
        if isReadOnly { text += ",readonly=on" }
        if isDirect { text += ",direct=on" }
        if !serial.isEmpty { text += ",serial=\(serial)" }
        if queueCount != 1 { text += ",queues=\(queueCount)" }
        if queueSize != Self.defaultQueueSize { text += ",queue-size=\(queueSize)" }
        if !discards { text += ",discard=off" }
        if cache != .writeback { text += ",cache=\(cache.rawValue)" }
        return text + ",path=\(path)"
    }
}
