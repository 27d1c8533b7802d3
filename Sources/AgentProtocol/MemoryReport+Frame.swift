extension MemoryReport {
    func write(to writer: inout PayloadWriter) {
        Self.write(amounts, to: &writer)
        writer.put(nodes) { writer, node in
            writer.put(node.number)
            Self.write(node.amounts, to: &writer)
        }
        writer.put(zones) { writer, zone in
            writer.put(zone.node)
            writer.put(zone.name)
            for size in [zone.free, zone.minimum, zone.low, zone.high, zone.spanned, zone.present, zone.managed] {
                writer.put(size)
            }
        }
        writer.put(pressure) { writer, pressure in
            writer.put(pressure.kind)
            writer.put(pressure.averages) { $0.put($1) }
            writer.put(pressure.total)
        }
        writer.put(blockSize)
        writer.put(blocks) { writer, blocks in
            writer.put(blocks.first)
            writer.put(blocks.count)
            writer.put(blocks.node)
            writer.put(blocks.state)
            writer.put(blocks.zones)
        }
    }

    private static func write(_ amounts: [Amount], to writer: inout PayloadWriter) {
        writer.put(amounts) { writer, amount in
            writer.put(amount.name)
            writer.put(amount.value)
        }
    }

    init(from reader: inout PayloadReader) throws(ProtocolError) {
        amounts = try Self.readAmounts(&reader)
        nodes = try reader.list(size: 8) { (reader) throws(ProtocolError) in
            Node(number: try reader.integer(), amounts: try Self.readAmounts(&reader))
        }
        zones = try reader.list(size: 64) { (reader) throws(ProtocolError) in
            var zone = Zone(node: try reader.integer(), name: try reader.text("zone"))
            zone.free = try reader.integer()
            zone.minimum = try reader.integer()
            zone.low = try reader.integer()
            zone.high = try reader.integer()
            zone.spanned = try reader.integer()
            zone.present = try reader.integer()
            zone.managed = try reader.integer()
            return zone
        }
        pressure = try reader.list(size: 16) { (reader) throws(ProtocolError) in
            let kind = try reader.text("kind")
            let averages = try reader.list(size: 4) { (reader) throws(ProtocolError) in
                try reader.integer(UInt32.self)
            }
            return Pressure(kind: kind, averages: averages, total: try reader.integer())
        }
        blockSize = try reader.integer()
        blocks = try reader.list(size: 24) { (reader) throws(ProtocolError) in
            Blocks(
                first: try reader.integer(), count: try reader.integer(), node: try reader.integer(),
                state: try reader.text("state"), zones: try reader.text("zones"))
        }
    }

    private static func readAmounts(_ reader: inout PayloadReader) throws(ProtocolError) -> [Amount] {
        try reader.list(size: 12) { (reader) throws(ProtocolError) in
            Amount(try reader.text("name"), try reader.integer())
        }
    }
}
