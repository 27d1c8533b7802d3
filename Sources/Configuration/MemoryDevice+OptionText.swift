extension MemoryDevice {
    /// Reads the value of `--virtio-mem`: `id=vm0,size=8G,node=0,requested-size=128M,block-size=2M`, where `id` and
    /// `size` must be given.
    public init(optionText text: String) throws(ConfigurationError) {
        let option = try OptionText(
            "--virtio-mem", text, keys: ["id", "size", "node", "requested-size", "block-size"])
        let id = try option.required("id")
        _ = try option.required("size")
        self.init(
            id: id, size: try option.size("size") ?? 0,
            blockSize: try option.size("block-size") ?? Self.defaultBlockSize,
            node: try option.number("node", as: UInt32.self) ?? 0,
            requestedSize: try option.size("requested-size") ?? 0)
    }

    /// The device as `--virtio-mem` takes it.
    public var optionText: String {
        "id=\(id),size=\(ByteSize(size)),node=\(node),requested-size=\(ByteSize(requestedSize))"
            + ",block-size=\(ByteSize(blockSize))"
    }
}
