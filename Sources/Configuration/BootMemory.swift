/// What `--memory` says: how much boot memory, and what it is made of.
public struct BootMemory: Sendable, Equatable {
    /// In bytes; nil where it is not said, and follows from the nodes.
    public var size: UInt64?
    public var backend: MemoryBackend

    public init(size: UInt64?, backend: MemoryBackend = MemoryBackend()) {
        self.size = size
        self.backend = backend
    }

    /// Reads the value of `--memory`: `4G`, or `size=4G,backend=memfd,prealloc=on`.
    ///
    /// - Parameter defaultKind: what it is made of where the text does not say.
    public init(
        optionText text: String, defaultKind: MemoryBackend.Kind = .anonymous
    ) throws(ConfigurationError) {
        try self.init(optionText: text, defaultKind: defaultKind, isOpened: false)
    }

    /// - Parameter isOpened: whether a descriptor stands with a path, as in a launch request.
    init(
        optionText text: String, defaultKind: MemoryBackend.Kind = .anonymous, isOpened: Bool
    ) throws(ConfigurationError) {
        guard text.contains("=") else {
            do {
                self.init(size: try ByteSize(parsing: text).bytes, backend: MemoryBackend(defaultKind))
                return
            } catch {
                throw ConfigurationError("--memory", error.description)
            }
        }
        let keys = ["size"] + MemoryBackend.keys
        let option = try OptionText(
            "--memory", text, keys: keys, hiddenKeys: isOpened ? [MemoryBackend.descriptorKey] : [],
            repeatable: MemoryBackend.repeatableKeys, rest: MemoryBackend.pathKey)
        self.init(size: try option.size("size"), backend: try MemoryBackend(option, defaultKind: defaultKind))
        if !isOpened {
            try backend.checkNothingFollowsPath(in: option, keys: keys)
        }
    }

    /// The value as `--memory` takes it; a size must be there.
    public var optionText: String {
        let size = "\(ByteSize(size ?? 0))"
        return backend == MemoryBackend() ? size : "size=\(size)" + backend.optionParts
    }
}
