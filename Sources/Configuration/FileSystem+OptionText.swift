extension FileSystem {
    private static let socketKeys = ["tag", "socket", "id", "queues", "queue-size"]
    private static let directoryKeys = ["tag", "path", "id", "readonly"]
    private static let descriptorKey = "fd"
    private static let messagesKey = "messages"

    /// Reads the value of `--fs`: `tag=data,socket=/run/virtiofsd.sock` and so on. A path may hold commas, unless one of
    /// the keys follows.
    ///
    /// - Parameter index: how many file systems stand before it: it is called after that where it has no `id`.
    public init(socketOptionText text: String, index: Int) throws(ConfigurationError) {
        try self.init(socketOptionText: text, index: index, isOpened: false)
    }

    /// Reads the value of `--share`: `tag=data,path=/srv/data,readonly=on` and so on, likewise.
    public init(directoryOptionText text: String, index: Int) throws(ConfigurationError) {
        try self.init(directoryOptionText: text, index: index, isOpened: false)
    }

    /// - Parameter isOpened: whether a descriptor stands there, as in a launch request.
    init(socketOptionText text: String, index: Int, isOpened: Bool) throws(ConfigurationError) {
        let option = try Self.option("--fs", text, Self.socketKeys, path: "socket", isOpened: isOpened)
        self.init(
            id: option.value("id") ?? "fs\(index)", tag: try option.required("tag"),
            source: .socket(path: try option.required("socket")),
            descriptor: isOpened ? try option.descriptor() : nil,
            queueCount: try option.number("queues", as: Int.self) ?? 1,
            queueSize: try option.number("queue-size", as: UInt16.self) ?? Self.defaultQueueSize)
    }

    init(directoryOptionText text: String, index: Int, isOpened: Bool) throws(ConfigurationError) {
        let option = try Self.option("--share", text, Self.directoryKeys, path: "path", isOpened: isOpened)
        self.init(
            id: option.value("id") ?? "fs\(index)", tag: try option.required("tag"),
            source: .directory(
                path: try option.required("path"), isReadOnly: try option.flag("readonly") ?? false),
            descriptor: isOpened ? try option.descriptor() : nil,
            messages: try option.number(Self.messagesKey, as: Int32.self))
    }

    private static func option(
        _ name: String, _ text: String, _ keys: [String], path: String, isOpened: Bool
    ) throws(ConfigurationError) -> OptionText {
        try OptionText(
            name, text, keys: keys, hiddenKeys: isOpened ? [descriptorKey, messagesKey] : [],
            rest: isOpened ? path : nil,
            open: isOpened ? nil : path)
    }

    /// The option that it is given by.
    public var optionName: String { socketPath == nil ? "--share" : "--fs" }

    /// The file system as its option takes it, its path last. What is seldom changed stands there only where it was.
    public var optionText: String {
        var text = "id=\(id),tag=\(tag)"
        if let descriptor { text += ",\(Self.descriptorKey)=\(descriptor)" }
        if let messages { text += ",\(Self.messagesKey)=\(messages)" }
        if queueCount != 1 { text += ",queues=\(queueCount)" }
        if queueSize != Self.defaultQueueSize { text += ",queue-size=\(queueSize)" }
        switch source {
        case .socket(let path): return text + ",socket=\(path)"
        case .directory(let path, let isReadOnly): return text + (isReadOnly ? ",readonly=on" : "") + ",path=\(path)"
        }
    }
}
