/// A figure of a machine that runs, by its name in scenarios.
public enum Metric: Sendable, Hashable, CustomStringConvertible {
    public enum DeviceValue: String, Sendable, CaseIterable {
        /// Sizes in bytes.
        case requested, plugged, usable, size
    }

    public enum ZoneValue: String, Sendable, CaseIterable {
        /// Sizes in bytes.
        case free, present, managed, spanned
    }

    /// Linux memory blocks that are counted.
    public enum Blocks: String, Sendable, CaseIterable {
        case all, online, offline, movable, kernel
    }

    public enum HostValue: String, Sendable, CaseIterable {
        /// Bytes of the machine's process in the host's memory.
        case resident
        /// The most bytes that it has had there.
        case peak
        /// KVM memory slots that are live.
        case slots
        /// Processor time of the machine's process, in seconds, its guest's included.
        case processor
    }

    /// Of a memory device, or with `all` of all of them together.
    case device(String?, DeviceValue)
    /// What /proc/meminfo has by that name, in bytes.
    case guest(String)
    /// The same of a node.
    case node(UInt32, String)
    /// Of the zones of that name in all nodes.
    case zone(String, ZoneValue)
    case blocks(Blocks)
    /// How often the guest has booted.
    case boots
    case host(HostValue)
    /// Events of QMP by that name, since the machine's start.
    case events(String)
    /// Seconds since the step began.
    case elapsed
    /// Seconds that the step before took.
    case took
    /// What a step has kept by that name.
    case kept(String)

    /// Linux's zones on x86-64.
    private static let zones = ["DMA", "DMA32", "Normal", "Movable", "Device"]
    /// What `swiftlet-vmm` tells by QMP.
    static let eventNames = [
        "STOP", "RESUME", "RESET", "POWERDOWN", "SHUTDOWN", "MEMORY_DEVICE_SIZE_CHANGE", "BALLOON_CHANGE",
        "X_SWIFTLET_MEMORY_VIOLATION", "X_SWIFTLET_RESIZE_STALLED", "X_SWIFTLET_HOST_MEMORY_ERROR",
        "X_SWIFTLET_MEMORY_UNAVAILABLE", "X_SWIFTLET_GUEST_FAILED",
    ]

    /// - Throws: what there is, in words.
    init(parsing text: String) throws(ParseFailure) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.allSatisfy({ !$0.isEmpty }) else { throw Self.unknown(text) }
        switch (parts.count, parts[0]) {
        case (1, "elapsed"): self = .elapsed
        case (1, "took"): self = .took
        case (1, _):
            guard Self.isName(text) else { throw Self.unknown(text) }
            self = .kept(text)
        case (2, "guest") where parts[1] == "boots": self = .boots
        case (2, "guest"): self = .guest(parts[1])
        case (3, "guest"): self = try Self.guestPart(parts, text)
        case (4, "guest") where parts[1] == "zone":
            guard let value = ZoneValue(rawValue: parts[3]), Self.zones.contains(parts[2]) else {
                throw Self.unknown(text)
            }
            self = .zone(parts[2], value)
        case (2, "host"):
            guard let value = HostValue(rawValue: parts[1]) else { throw Self.unknown(text) }
            self = .host(value)
        case (2, "events"):
            guard Self.eventNames.contains(parts[1]) else {
                throw ParseFailure(
                    "no event is called \"\(parts[1])\"; there are \(Self.eventNames.joined(separator: ", "))")
            }
            self = .events(parts[1])
        case (2, _):
            guard let value = DeviceValue(rawValue: parts[1]) else { throw Self.unknown(text) }
            self = .device(parts[0] == "all" ? nil : parts[0], value)
        default: throw Self.unknown(text)
        }
    }

    private static func guestPart(_ parts: [String], _ text: String) throws(ParseFailure) -> Metric {
        if parts[1] == "blocks", let blocks = Blocks(rawValue: parts[2]) { return .blocks(blocks) }
        if parts[1].hasPrefix("node"), let number = UInt32(parts[1].dropFirst(4)) { return .node(number, parts[2]) }
        throw unknown(text)
    }

    private static func unknown(_ text: String) -> ParseFailure {
        ParseFailure(
            "\"\(text)\" is no figure: there are ID.requested, ID.plugged, ID.usable and ID.size of a memory device (or of"
                + " all), guest.MemTotal and the like of /proc/meminfo, guest.node0.MemFree, guest.zone.Movable.managed"
                + " (free, present, spanned), guest.blocks.online (all, offline, movable, kernel), guest.boots,"
                + " host.resident, host.peak, host.slots, host.processor, events.NAME, elapsed, took, and what a step 'keep' has named"
        )
    }

    /// Whether something can be kept by that name.
    static func isName(_ text: String) -> Bool {
        text.first?.isLetter == true
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
    }

    public var description: String {
        switch self {
        case .device(let id, let value): "\(id ?? "all").\(value.rawValue)"
        case .guest(let name): "guest.\(name)"
        case .node(let number, let name): "guest.node\(number).\(name)"
        case .zone(let name, let value): "guest.zone.\(name).\(value.rawValue)"
        case .blocks(let blocks): "guest.blocks.\(blocks.rawValue)"
        case .boots: "guest.boots"
        case .host(let value): "host.\(value.rawValue)"
        case .events(let name): "events.\(name)"
        case .elapsed: "elapsed"
        case .took: "took"
        case .kept(let name): name
        }
    }

    /// Whether the guest has to be asked for it.
    public var isGuests: Bool {
        switch self {
        case .guest, .node, .zone, .blocks: true
        case .device, .boots, .host, .events, .elapsed, .took, .kept: false
        }
    }

    /// Whether it is a size, which people read in K, M and G.
    public var isSize: Bool {
        switch self {
        case .device, .zone: true
        // Numbers of pages are among them, which no one takes for a size.
        case .guest(let name), .node(_, let name): !name.hasPrefix("HugePages_")
        case .host(let value): value == .resident || value == .peak
        case .blocks, .boots, .events, .elapsed, .took, .kept: false
        }
    }
}
