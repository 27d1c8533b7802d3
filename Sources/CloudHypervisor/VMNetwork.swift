import Configuration
import JSON

/// A network card as the API has it (`NetConfig` of `cloud-hypervisor.yaml`).
struct VMNetwork: Sendable, Equatable {
    /// What its wire is.
    enum Tap: Sendable {
        /// An interface of the host, by its name.
        case named(String)
        /// The queues of one, which a client passed along with its request.
        case passed([any PassedDescriptor])
    }

    /// Empty until it is given one.
    var id: String
    var tap: Tap
    var address: MACAddress?
    var mtu: UInt16?
    /// Pairs of queues.
    var queueCount = 1
    var offloads = true

    /// What the client passed.
    var descriptors: [any PassedDescriptor] {
        if case .passed(let descriptors) = tap { descriptors } else { [] }
    }

    static func == (first: VMNetwork, second: VMNetwork) -> Bool {
        first.json == second.json
            && first.descriptors.map { ObjectIdentifier($0) } == second.descriptors.map { ObjectIdentifier($0) }
    }

    /// As `NetConfig`, with what is in effect. Descriptors are nobody's but the server's.
    var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("id", .string(id)), .init("num_queues", .number(2 * queueCount)),
            .init("queue_size", .number(Self.queueSize)),
        ]
        members += ["offload_tso", "offload_ufo", "offload_csum"].map { .init($0, .boolean(offloads)) }
        if case .named(let name) = tap { members.append(.init("tap", .string(name))) }
        if let address { members.append(.init("mac", .string("\(address)"))) }
        if let mtu { members.append(.init("mtu", .number(mtu))) }
        return .object(members)
    }

    /// The device, whose descriptors have numbers from a certain one on.
    func device(firstNumber: Int32) -> NetworkDevice {
        let wire: NetworkDevice.Tap =
            switch tap {
            case .named(let name): .named(name)
            case .passed(let descriptors): .descriptors(descriptors.indices.map { firstNumber + Int32($0) })
            }
        return NetworkDevice(
            id: id, tap: wire, address: address, queueCount: queueCount, mtu: mtu, offloads: offloads)
    }
}

extension VMNetwork {
    /// Descriptors of each queue.
    private static let queueSize: UInt16 = 256
    /// What Cloud Hypervisor gives an interface that it makes itself, and clients send without meaning it.
    private static let defaultAddress = "192.168.249.1", defaultMask = "255.255.255.0"

    /// Reads one.
    ///
    /// - Parameters:
    ///   - descriptors: came along with the request.
    ///   - notes: receives what has no effect.
    init(_ given: Fields, descriptors: [any PassedDescriptor], notes: inout [String]) throws(APIError) {
        var fields = given
        try fields.refuseVhostUser()
        self.init(id: try fields.string("id") ?? "", tap: try Self.tap(&fields, descriptors))
        if let text = try fields.string("mac") {
            address = MACAddress(parsing: text)
            guard address != nil else {
                throw fields.invalid("mac", "is \"\(text.prefix(100))\", not an address such as 52:54:00:12:34:56")
            }
        }
        mtu = try fields.number("mtu", 0...UInt16.max)
        try takeQueues(&fields, notes: &notes)
        try takeOffloads(&fields, notes: &notes)
        let hostAddress = [
            ("ip", try fields.string("ip"), Self.defaultAddress), ("mask", try fields.string("mask"), Self.defaultMask),
            ("host_mac", try fields.string("host_mac"), ""),
        ]
        for (name, value, usual) in hostAddress {
            guard let value, value != usual else { continue }
            notes.append("\(fields.path(of: name)): the host's interface keeps its addresses")
        }
        try fields.refuseRateLimits()
        try fields.ignorePCI()
        try fields.finish()
    }

    private static func tap(_ fields: inout Fields, _ descriptors: [any PassedDescriptor]) throws(APIError) -> Tap {
        let name = try fields.string("tap")
        // Numbers of descriptors say nothing to another process.
        let numbers = try fields.array("fds") ?? []
        guard numbers.isEmpty || !descriptors.isEmpty else {
            throw fields.invalid(
                "fds", "descriptors come along with vm.add-net over the Unix socket (SCM_RIGHTS), not by their numbers")
        }
        switch (name, descriptors.isEmpty) {
        case (let name?, true): return .named(name)
        case (nil, false): return .passed(descriptors)
        case (nil, true):
            throw fields.invalid(
                "tap", "is missing: name an interface of the host, or pass its descriptors along with vm.add-net")
        case (_?, false): throw fields.invalid("tap", "is given, and descriptors came along, too")
        }
    }

    private mutating func takeQueues(_ fields: inout Fields, notes: inout [String]) throws(APIError) {
        let count = try fields.number("num_queues", 1...Int(UInt16.max))
        if let count {
            guard count % 2 == 0 else { throw fields.invalid("num_queues", "is \(count); queues come in pairs") }
            queueCount = count / 2
        }
        if !descriptors.isEmpty {
            guard count == nil || queueCount == descriptors.count else {
                throw fields.invalid(
                    "num_queues",
                    "is \(2 * queueCount), and \(descriptors.count) descriptors came along: each pair of queues has one"
                )
            }
            queueCount = descriptors.count
        }
        if let size = try fields.number("queue_size", 1...UInt16.max), size != Self.queueSize {
            notes.append("\(fields.path(of: "queue_size")): queues have \(Self.queueSize) descriptors")
        }
    }

    private mutating func takeOffloads(_ fields: inout Fields, notes: inout [String]) throws(APIError) {
        let names = ["offload_tso", "offload_ufo", "offload_csum"]
        var wanted: [Bool] = []
        for name in names { wanted.append(try fields.flag(name) ?? true) }
        offloads = !wanted.contains(false)
        if Set(wanted).count > 1 {
            notes.append("\(fields.path): \(names.joined(separator: ", ")) go together, so none of it is offloaded")
        }
    }
}
