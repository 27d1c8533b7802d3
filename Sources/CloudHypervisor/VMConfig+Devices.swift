import Configuration

extension VMConfig {
    /// Takes what one of `vm.add-…` asks for.
    ///
    /// - Throws: `APIError` 400 for what can't be; nothing has changed then that matters.
    ///
    /// - Parameter descriptors: came along with the request; those of a network card are kept.
    mutating func add(
        _ kind: VMDeviceKind, body: [UInt8], descriptors: [any PassedDescriptor]
    ) throws(APIError) {
        let fields = try Fields(body: body)
        switch kind {
        case .disk: disks.append(try Disk(fields, notes: &notes))
        case .net: networks.append(try VMNetwork(fields, descriptors: descriptors, notes: &notes))
        case .fs: fileSystems.append(try FileSystem(fields))
        case .vsock:
            guard vsock == nil else { throw APIError(.badRequest, "the VM has a vsock device; one is the most") }
            vsock = try VMVsock(fields)
        }
        nameDevices()
        _ = try machine()
    }

    /// Takes what `vm.remove-device` asks for.
    ///
    /// - Throws: `APIError` 404 where there is no such device, 400 for what can't be.
    mutating func removeDevice(body: [UInt8]) throws(APIError) {
        var fields = try Fields(body: body)
        let id = try fields.required("id", try fields.string("id"))
        try fields.finish()
        guard identifiers.contains(id) else {
            let known = identifiers.isEmpty ? "there are none" : "they are \(identifiers.joined(separator: ", "))"
            throw APIError(.notFound, "id: there is no device \"\(id.prefix(100))\"; \(known)")
        }
        disks.removeAll { $0.id == id }
        networks.removeAll { $0.id == id }
        fileSystems.removeAll { $0.id == id }
        if vsock?.id == id { vsock = nil }
    }

    /// The identifiers of all devices that can be removed.
    private var identifiers: [String] {
        disks.map(\.id) + networks.map(\.id) + fileSystems.map(\.id) + (vsock.map { [$0.id] } ?? [])
    }

    /// Gives identifiers to devices that have none: what they are, and the first number that is free.
    mutating func nameDevices() {
        var taken = Set(identifiers).union(memory.zones.map(\.id))
        func name(_ kind: VMDeviceKind) -> String {
            var number = 0
            while !taken.insert("\(kind.rawValue)\(number)").inserted { number += 1 }
            return "\(kind.rawValue)\(number)"
        }
        for index in disks.indices where disks[index].id.isEmpty { disks[index].id = name(.disk) }
        for index in networks.indices where networks[index].id.isEmpty { networks[index].id = name(.net) }
        for index in fileSystems.indices where fileSystems[index].id.isEmpty { fileSystems[index].id = name(.fs) }
        if vsock?.id == "" { vsock?.id = name(.vsock) }
    }
}
