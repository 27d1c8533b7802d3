import Configuration

extension VMConfig {
    /// Takes what `vm.resize` asks for.
    ///
    /// - Returns: what changes.
    /// - Throws: `APIError` 400 for what can't be; nothing has changed then.
    mutating func resize(body: [UInt8]) throws(APIError) -> VMResize {
        var fields = try Fields(body: body)
        let processors = try fields.number("desired_vcpus", 1...Int(Int32.max))
        let size = try fields.size("desired_ram")
        let balloonSize = try fields.size("desired_balloon")
        try fields.finish()
        if let processors, processors != self.processors.boot {
            throw fields.invalid(
                "desired_vcpus", "is \(processors); a VM keeps the \(self.processors.boot) vCPUs that it boots with")
        }
        if let balloonSize { try resizeBalloon(to: balloonSize, as: fields.path(of: "desired_balloon")) }
        guard let size else { return VMResize(changesBalloon: balloonSize != nil) }
        guard !memory.hasZones else {
            throw fields.invalid("desired_ram", "this VM's memory has zones: vm.resize-zone changes one of them")
        }
        try memory.zones[0].resize(to: size, as: fields.path(of: "desired_ram"))
        return VMResize(zone: memory.zones[0], changesBalloon: balloonSize != nil)
    }

    private mutating func resizeBalloon(to size: UInt64, as field: String) throws(APIError) {
        guard balloon != nil else { throw .invalid(field, "this VM has no balloon") }
        guard size % Balloon.pageSize == 0 else { throw .invalid(field, "is \(size), not a multiple of 4096") }
        guard size < memory.bootSize else {
            throw .invalid(
                field, "is \(size), not less than the \(memory.bootSize) bytes that are there from the start")
        }
        balloon?.size = size
    }

    /// Takes what `vm.resize-zone` asks for.
    ///
    /// - Returns: what changes.
    /// - Throws: `APIError` 404 where there is no such zone, 400 for what can't be; nothing has changed then.
    mutating func resizeZone(body: [UInt8]) throws(APIError) -> VMResize {
        var fields = try Fields(body: body)
        let id = try fields.required("id", try fields.string("id"))
        let size = try fields.required("desired_ram", try fields.size("desired_ram"))
        try fields.finish()
        guard memory.hasZones else {
            throw fields.invalid("id", "this VM's memory has no zones: vm.resize changes it")
        }
        guard let index = memory.zones.firstIndex(where: { $0.id == id }) else {
            let known = memory.zones.map(\.id).joined(separator: ", ")
            throw APIError(.notFound, "id: there is no memory zone \"\(id.prefix(100))\"; the zones are \(known)")
        }
        try memory.zones[index].resize(to: size, as: fields.path(of: "desired_ram"))
        return VMResize(zone: memory.zones[index])
    }
}

extension VMMemory.Zone {
    /// Takes a size that counts what is there from the start, too.
    fileprivate mutating func resize(to total: UInt64, as field: String) throws(APIError) {
        guard total >= size else {
            throw .invalid(field, "is \(total), less than the \(size) bytes that are there from the start")
        }
        let requested = total - size
        guard requested <= deviceSize else {
            throw .invalid(
                field,
                "is \(total), more than the \(size + deviceSize) bytes of size and hotplug_size together")
        }
        guard requested % blockSize == 0 else {
            throw .invalid(
                field,
                "is \(total), which is \(requested) more than the size \(size): not a multiple of the block size"
                    + " \(blockSize)")
        }
        hotpluggedSize = requested
    }
}
