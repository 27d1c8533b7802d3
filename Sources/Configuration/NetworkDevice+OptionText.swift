extension NetworkDevice {
    private static let keys = ["tap", "fd", "mac", "id", "queues", "mtu", "offload", "vhost"]
    private static let queuesKey = "tap-fd"
    private static let vhostKey = "vhost-fd"

    /// Reads the value of `--net`: `tap=tap0,mac=52:54:00:12:34:56` and so on, where `tap` or `fd` must be given.
    ///
    /// - Parameter index: how many devices stand before it: it is called after that where it has no `id`.
    public init(optionText text: String, index: Int) throws(ConfigurationError) {
        try self.init(optionText: text, index: index, isOpened: false)
    }

    /// - Parameter isOpened: whether open descriptors stand with the names, as in a launch request.
    init(optionText text: String, index: Int, isOpened: Bool) throws(ConfigurationError) {
        let option = try OptionText(
            "--net", text, keys: Self.keys, hiddenKeys: isOpened ? [Self.queuesKey, Self.vhostKey] : [])
        let count = try option.number("queues", as: Int.self)
        let tap: Tap
        switch (option.value("tap"), option.value("fd")) {
        case (let name?, nil): tap = .named(name)
        case (nil, _?):
            let descriptors = try option.descriptors("fd")
            guard count == nil || count == descriptors.count else {
                throw ConfigurationError(
                    option.option,
                    "queues \(count ?? 0): fd names \(descriptors.count), and each pair of queues needs one, as in"
                        + " fd=3:4")
            }
            tap = .descriptors(descriptors)
        case (nil, nil): throw option.problem("\"tap\" or \"fd\" is missing")
        case (_?, _?): throw option.problem("there is \"tap\" as well as \"fd\"")
        }
        var address: MACAddress?
        if let text = option.value("mac") {
            address = MACAddress(parsing: text)
            guard address != nil else {
                throw ConfigurationError(
                    option.option, "mac \"\(text)\" is not an address such as 52:54:00:12:34:56")
            }
        }
        self.init(
            id: option.value("id") ?? "net\(index)", tap: tap, address: address, queueCount: count ?? 1,
            mtu: try option.number("mtu", as: UInt16.self), offloads: try option.flag("offload") ?? true,
            usesVhost: try option.flag("vhost") ?? false)
        if case .descriptors(let descriptors) = tap { queueCount = descriptors.count }
        queueDescriptors = try option.descriptors(Self.queuesKey)
        vhostDescriptors = try option.descriptors(Self.vhostKey)
    }

    /// The device as `--net` takes it. What is seldom changed stands there only where it was.
    public var optionText: String {
        var text =
            switch tap {
            case .named(let name): "tap=\(name)"
            case .descriptors(let descriptors): "fd=\(Self.list(descriptors))"
            }
        text += ",id=\(id)"
        if let address { text += ",mac=\(address)" }
        if case .named = tap, queueCount != 1 { text += ",queues=\(queueCount)" }
        if let mtu { text += ",mtu=\(mtu)" }
        if !offloads { text += ",offload=off" }
        if usesVhost { text += ",vhost=on" }
        if !queueDescriptors.isEmpty { text += ",\(Self.queuesKey)=\(Self.list(queueDescriptors))" }
        if !vhostDescriptors.isEmpty { text += ",\(Self.vhostKey)=\(Self.list(vhostDescriptors))" }
        return text
    }

    private static func list(_ descriptors: [Int32]) -> String {
        descriptors.map { String($0) }.joined(separator: ":")
    }
}

extension OptionText {
    /// The descriptors under a key, as in `3:4`; none where it isn't given.
    fileprivate func descriptors(_ key: String) throws(ConfigurationError) -> [Int32] {
        guard let text = value(key) else { return [] }
        var descriptors: [Int32] = []
        for part in text.split(separator: ":", omittingEmptySubsequences: false) {
            guard let number = Int32(decimal: part) else {
                throw ConfigurationError(
                    option, "\(key) \"\(text)\" is not the number of an open descriptor, or several as in 3:4")
            }
            descriptors.append(number)
        }
        return descriptors
    }
}
