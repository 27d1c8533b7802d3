extension MemoryDevice {
    private static let ownKeys = [
        "id", "size", "node", "requested-size", "block-size", "slot-size", "on-violation", "unplugged-inaccessible",
        "retry-interval",
    ]

    /// Reads the value of `--virtio-mem`: `id=vm0,size=8G,node=0,requested-size=128M,block-size=2M` and so on, where
    /// `id` and `size` must be given.
    ///
    /// - Parameter defaultKind: what its memory is made of where the text does not say.
    public init(
        optionText text: String, defaultKind: MemoryBackend.Kind = .anonymous
    ) throws(ConfigurationError) {
        try self.init(optionText: text, defaultKind: defaultKind, isOpened: false)
    }

    /// - Parameter isOpened: whether a descriptor stands with a path, as in a launch request.
    init(
        optionText text: String, defaultKind: MemoryBackend.Kind = .anonymous, isOpened: Bool
    ) throws(ConfigurationError) {
        let keys = Self.ownKeys + MemoryBackend.keys
        let option = try OptionText(
            "--virtio-mem", text, keys: keys, hiddenKeys: isOpened ? [MemoryBackend.descriptorKey] : [],
            repeatable: MemoryBackend.repeatableKeys, rest: MemoryBackend.pathKey)
        let id = try option.required("id")
        _ = try option.required("size")
        self.init(
            id: id, size: try option.size("size") ?? 0, blockSize: try option.size("block-size"),
            node: try option.number("node", as: UInt32.self) ?? 0,
            requestedSize: try option.size("requested-size") ?? 0, slotSize: try option.size("slot-size"),
            onViolation: try option.choice("on-violation", as: ViolationAction.self) ?? .stop,
            unpluggedInaccessible: try option.choice("unplugged-inaccessible", as: UnpluggedAccess.self) ?? .on,
            retryInterval: try option.duration("retry-interval") ?? Self.defaultRetryInterval,
            backend: try MemoryBackend(option, defaultKind: defaultKind))
        if !isOpened {
            try backend.checkNothingFollowsPath(in: option, keys: keys)
        }
    }

    /// The device as `--virtio-mem` takes it. What is seldom changed stands there only where it was.
    public var optionText: String {
        var text =
            "id=\(id),size=\(ByteSize(size)),node=\(node),requested-size=\(ByteSize(requestedSize))"
            + ",block-size=\(ByteSize(blockSize))"
        if let slotSize {
            text += ",slot-size=\(ByteSize(slotSize))"
        }
        if onViolation != .stop {
            text += ",on-violation=\(onViolation.rawValue)"
        }
        if unpluggedInaccessible != .on {
            text += ",unplugged-inaccessible=\(unpluggedInaccessible.rawValue)"
        }
        if retryInterval != Self.defaultRetryInterval {
            text += ",retry-interval=\(Milliseconds(retryInterval))"
        }
        return text + backend.optionParts
    }
}
