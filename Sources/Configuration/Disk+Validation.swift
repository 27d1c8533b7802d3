extension Disk {
    /// Bytes of a serial number (virtio specification, 5.2.6).
    static let maximumSerialLength = 20
    static let maximumQueueCount = 16
    static let queueSizes: ClosedRange<UInt16> = 4...1024

    /// How error messages name the disk.
    var option: String { "--disk \(id)" }

    /// Whether a serial number can have a sign: a visible one of ASCII, but no comma.
    private static func isPlain(_ sign: UInt8) -> Bool {
        (0x21...0x7E).contains(sign) && sign != UInt8(ascii: ",")
    }

    func check() throws(ConfigurationError) {
        guard id.isIdentifier else {
            throw ConfigurationError(
                "--disk", "id \"\(id)\" is not made of 1 to 64 letters, digits and the signs - _ .")
        }
        guard !path.isEmpty, !path.utf8.contains(0) else { throw ConfigurationError(option, "the path is empty") }
        guard serial.utf8.count <= Self.maximumSerialLength, serial.utf8.allSatisfy(Self.isPlain) else {
            throw ConfigurationError(
                option,
                "serial \"\(serial)\" has more than \(Self.maximumSerialLength) bytes, or others than plain signs")
        }
        guard (1...Self.maximumQueueCount).contains(queueCount) else {
            throw ConfigurationError(option, "queues \(queueCount): a disk has 1 to \(Self.maximumQueueCount)")
        }
        guard Self.queueSizes.contains(queueSize), queueSize.nonzeroBitCount == 1 else {
            throw ConfigurationError(
                option,
                "queue-size \(queueSize) is not a power of two from \(Self.queueSizes.lowerBound) to"
                    + " \(Self.queueSizes.upperBound)")
        }
    }
}
