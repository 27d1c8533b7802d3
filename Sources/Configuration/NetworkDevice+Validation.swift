extension NetworkDevice {
    static let maximumQueueCount = 16
    /// Bytes of an interface's name (IFNAMSIZ, without the zero at its end).
    static let maximumNameLength = 15
    /// The least that IPv4 can do with (RFC 791), to the most that the device can say.
    static let mtus: ClosedRange<UInt16> = 68...65535

    /// How error messages name the device.
    public var option: String { "--net \(id)" }

    func check() throws(ConfigurationError) {
        guard id.isIdentifier else {
            throw ConfigurationError("--net", "id \"\(id)\" is not made of 1 to 64 letters, digits and the signs - _ .")
        }
        guard (1...Self.maximumQueueCount).contains(queueCount) else {
            throw ConfigurationError(
                option, "queues \(queueCount): a network device has 1 to \(Self.maximumQueueCount) pairs of them")
        }
        try checkTap()
        if let address {
            guard !address.isMulticast else {
                throw ConfigurationError(
                    option, "mac \(address) is a group's: the first number of an interface's address is even")
            }
            guard address.bytes != Array(repeating: 0, count: 6) else {
                throw ConfigurationError(option, "mac \(address) is nobody's address")
            }
        }
        if let mtu, !Self.mtus.contains(mtu) {
            throw ConfigurationError(
                option, "mtu \(mtu) is not from \(Self.mtus.lowerBound) to \(Self.mtus.upperBound)")
        }
    }

    private func checkTap() throws(ConfigurationError) {
        switch tap {
        case .named(let name):
            guard !name.isEmpty, name.utf8.count <= Self.maximumNameLength else {
                throw ConfigurationError(
                    option, "tap \"\(name)\": an interface's name has 1 to \(Self.maximumNameLength) bytes")
            }
            guard name.utf8.allSatisfy(Self.isPlain), name != ".", name != ".." else {
                throw ConfigurationError(option, "tap \"\(name)\" is no interface's name")
            }
        case .descriptors(let descriptors):
            guard descriptors.count == queueCount else {
                throw ConfigurationError(
                    option, "queues \(queueCount): each pair of queues needs a descriptor, as in fd=3:4")
            }
            guard Set(descriptors).count == descriptors.count else {
                throw ConfigurationError(option, "fd names a descriptor twice")
            }
        }
    }

    /// Whether an interface's name can have a sign here: visible ones, but what Linux or this option has a use for.
    private static func isPlain(_ sign: UInt8) -> Bool {
        (0x21...0x7E).contains(sign) && ![UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: ",")].contains(sign)
    }
}
