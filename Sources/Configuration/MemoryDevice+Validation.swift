extension MemoryDevice {
    /// The smallest block: a host page.
    static let minimumBlockSize: UInt64 = 4096
    /// The largest power of two that a slot holds: KVM counts a slot's pages in 31 bits.
    static let maximumSlotSize: UInt64 = minimumBlockSize << 30

    /// The most blocks of a device: what is known of them stays a few MiB.
    static let maximumBlockCount: UInt64 = 1 << 24

    /// How error messages name the device.
    var option: String { "--virtio-mem \(id)" }

    func check() throws(ConfigurationError) {
        guard id.isIdentifier else {
            throw ConfigurationError(
                "--virtio-mem", "id \"\(id)\" is not made of 1 to 64 letters, digits and the signs - _ .")
        }
        guard blockSize >= Self.minimumBlockSize, blockSize.nonzeroBitCount == 1 else {
            throw ConfigurationError(
                option,
                "block-size \(ByteSize(blockSize)) is not a power of two of at least \(ByteSize(Self.minimumBlockSize))"
            )
        }
        guard blockSize <= Self.maximumSlotSize else {
            throw ConfigurationError(
                option,
                "block-size \(ByteSize(blockSize)) is too large: a block lies in one of KVM's slots, which have at most"
                    + " \(ByteSize(Self.maximumSlotSize))")
        }
        guard size > 0 else {
            throw ConfigurationError(option, "size 0: a region has at least one block of \(ByteSize(blockSize))")
        }
        for (name, value) in [("size", size), ("requested-size", requestedSize)] where value % blockSize != 0 {
            throw ConfigurationError(
                option, "\(name) \(ByteSize(value)) is not a multiple of the block size \(ByteSize(blockSize))")
        }
        guard requestedSize <= size else {
            throw ConfigurationError(
                option, "requested-size \(ByteSize(requestedSize)) is more than the size \(ByteSize(size))")
        }
        try checkSlotSize()
        try Milliseconds(retryInterval).check(option: "\(option): retry-interval")
        try backend.check(option: option)
        guard blockSize >= backend.pageSize else {
            throw ConfigurationError(
                option,
                "block-size \(ByteSize(blockSize)) is less than the backend's pages of \(ByteSize(backend.pageSize))")
        }
    }

    /// To be called when the region is known to fit into the address space, which is the first thing to say else.
    func checkBlockCount() throws(ConfigurationError) {
        guard size / blockSize <= Self.maximumBlockCount else {
            throw ConfigurationError(
                option,
                "size \(ByteSize(size)) has \(size / blockSize) blocks of \(ByteSize(blockSize)), and"
                    + " \(Self.maximumBlockCount) is the most: give a larger block-size")
        }
    }

    private func checkSlotSize() throws(ConfigurationError) {
        guard let slotSize else { return }
        guard slotSize.nonzeroBitCount == 1 else {
            throw ConfigurationError(option, "slot-size \(ByteSize(slotSize)) is not a power of two")
        }
        // Both are powers of two, so this makes it a multiple, too.
        guard slotSize >= blockSize else {
            throw ConfigurationError(
                option,
                "slot-size \(ByteSize(slotSize)) is less than the block size \(ByteSize(blockSize)): a slot holds"
                    + " whole blocks")
        }
        guard slotSize <= Self.maximumSlotSize else {
            throw ConfigurationError(
                option,
                "slot-size \(ByteSize(slotSize)) is too large: KVM's slots have at most"
                    + " \(ByteSize(Self.maximumSlotSize))")
        }
    }
}
