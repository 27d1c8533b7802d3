extension FileSystem {
    /// Bytes of a tag (virtio specification, 5.11.4).
    static let maximumTagLength = 36
    static let maximumQueueCount = 16
    static let queueSizes: ClosedRange<UInt16> = 4...1024

    /// How error messages name it.
    public var option: String { "\(optionName) \(id)" }

    func check() throws(ConfigurationError) {
        guard id.isIdentifier else {
            throw ConfigurationError(
                optionName, "id \"\(id)\" is not made of 1 to 64 letters, digits and the signs - _ .")
        }
        guard (1...Self.maximumTagLength).contains(tag.utf8.count),
            tag.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: ",") })
        else {
            throw ConfigurationError(
                option,
                "tag \"\(tag)\" has \(tag.utf8.count) bytes, or a comma or control characters: a tag has 1 to"
                    + " \(Self.maximumTagLength) bytes of others")
        }
        guard !path.isEmpty, !path.utf8.contains(0) else { throw ConfigurationError(option, "the path is empty") }
        if let socketPath, socketPath.utf8.count > SocketPath.maximumLength {
            throw ConfigurationError(
                option,
                "the path has \(socketPath.utf8.count) bytes; a Unix socket's has at most \(SocketPath.maximumLength)")
        }
        guard (1...Self.maximumQueueCount).contains(queueCount) else {
            throw ConfigurationError(
                option, "queues \(queueCount): a file system has 1 to \(Self.maximumQueueCount)")
        }
        guard Self.queueSizes.contains(queueSize), queueSize.nonzeroBitCount == 1 else {
            throw ConfigurationError(
                option,
                "queue-size \(queueSize) is not a power of two from \(Self.queueSizes.lowerBound) to"
                    + " \(Self.queueSizes.upperBound)")
        }
    }
}

extension MachineConfiguration {
    /// Whoever serves a file system reads and writes the guest's memory, in another process.
    func checkFileSystems() throws(ConfigurationError) {
        var seen = Set(memoryDevices.map(\.id) + disks.map(\.id) + networkDevices.map(\.id))
        var tags: Set<String> = []
        for fileSystem in fileSystems {
            try fileSystem.check()
            guard seen.insert(fileSystem.id).inserted else {
                throw ConfigurationError(fileSystem.option, "this id is given twice")
            }
            guard tags.insert(fileSystem.tag).inserted else {
                throw ConfigurationError(fileSystem.option, "tag \"\(fileSystem.tag)\" is given twice")
            }
        }
        guard let first = fileSystems.first else { return }
        let backends =
            [("--memory \(ByteSize(memory))", memoryBackend)] + memoryDevices.map { ($0.option, $0.backend) }
        for (option, backend) in backends where !backend.isShared {
            throw ConfigurationError(
                option,
                "memory is not shared, and \(first.option) needs that: use backend=memfd, which is the default beside"
                    + " it, or backend=hugetlbfs or file, with share=on")
        }
    }
}
