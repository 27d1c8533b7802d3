import Testing

@testable import LinuxBoot

@Suite struct ACPITablesTests {
    static let address: UInt64 = 0xe_0000
    static let limit: UInt64 = 0x1_fff0

    /// The tables by their signatures, as a guest finds them: root pointer, XSDT, FADT, DSDT.
    static func tables(of platform: ACPIPlatform) throws -> [String: [UInt8]] {
        let bytes = try ACPITables(platform, at: address, limit: limit).bytes
        func table(at pointer: UInt64) -> [UInt8] {
            let offset = Int(pointer - address)
            return Array(bytes[offset..<(offset + Int(bytes.integer(at: offset + 4, bytes: 4)))])
        }
        var tables = ["RSDP": Array(bytes[..<36])]
        let root = table(at: bytes.integer(at: 24, bytes: 8))
        tables["XSDT"] = root
        for entry in stride(from: 36, to: root.count, by: 8) {
            let found = table(at: root.integer(at: entry, bytes: 8))
            tables[found.text(at: 0, count: 4)] = found
        }
        if let fixed = tables["FACP"] {
            tables["DSDT"] = table(at: fixed.integer(at: 140, bytes: 8))
        }
        return tables
    }

    @Test func everyChecksumIsZero() throws {
        let tables = try Self.tables(of: .sample())
        #expect(Set(tables.keys) == ["RSDP", "XSDT", "FACP", "APIC", "SRAT", "SLIT", "DSDT"])
        for (name, bytes) in tables {
            #expect(bytes.reduce(0, &+) == 0, "\(name)")
        }
        let pointer = try #require(tables["RSDP"])
        #expect(pointer[..<20].reduce(0, &+) == 0)
        #expect(pointer.text(at: 0, count: 8) == "RSD PTR ")
        #expect(pointer[15] == 2)
        #expect(pointer.integer(at: 20, bytes: 4) == 36)
    }

    @Test func fixedDescriptionIsHardwareReduced() throws {
        let table = try #require(try Self.tables(of: .sample())["FACP"])
        #expect(table.count == 276)
        #expect(table[8] == 6)
        let flags = table.integer(at: 112, bytes: 4)
        #expect(flags & 1 << 20 != 0, "HW_REDUCED_ACPI")
        #expect(flags & 1 << 10 != 0, "RESET_REG_SUP")
        let architecture = table.integer(at: 109, bytes: 2)
        #expect(architecture & 1 << 5 != 0, "no CMOS clock")
        #expect(architecture & 0b11 == 0, "no legacy devices, no 8042")
        #expect(Array(table[116..<129]) == [1, 8, 0, 1, 0x02, 0x06, 0, 0, 0, 0, 0, 0, 1])
        #expect(Array(table[244..<256]) == [1, 8, 0, 1, 0x00, 0x06, 0, 0, 0, 0, 0, 0])
        #expect(Array(table[256..<268]) == [1, 8, 0, 1, 0x01, 0x06, 0, 0, 0, 0, 0, 0])
        #expect(table.integer(at: 40, bytes: 4) == table.integer(at: 140, bytes: 8))
    }

    /// The type and the bytes of each structure behind a table's fixed part.
    private func structures(of table: [UInt8], from start: Int) -> [[UInt8]] {
        var found: [[UInt8]] = []
        var offset = start
        while offset < table.count {
            let length = Int(table[offset + 1])
            found.append(Array(table[offset..<(offset + length)]))
            offset += length
        }
        return found
    }

    @Test func everyProcessorHasAnInterruptController() throws {
        let table = try #require(try Self.tables(of: .sample())["APIC"])
        #expect(table.integer(at: 36, bytes: 4) == 0xfee0_0000)
        let expected: [[UInt8]] = [
            [0, 8, 0, 0, 1, 0, 0, 0],
            [0, 8, 1, 1, 1, 0, 0, 0],
            [0, 8, 2, 254, 1, 0, 0, 0],
            [9, 16, 0, 0, 255, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0],
            [1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0],
        ]
        #expect(structures(of: table, from: 44) == expected)
    }

    @Test func affinityNamesNodesAndHotPluggableMemoryWhereNothingElseDoes() throws {
        let table = try #require(try Self.tables(of: .sample())["SRAT"])
        let structures = structures(of: table, from: 48)
        let processors: [[UInt8]] = [
            [0, 16, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            [0, 16, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            [0, 16, 1, 254, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            [2, 24, 0, 0, 2, 1, 0, 0, 255, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ]
        #expect(Array(structures.prefix(4)) == processors)
        let memory = structures.dropFirst(4).map { entry -> [UInt64] in
            [
                UInt64(entry[0]), entry.integer(at: 2, bytes: 4), entry.integer(at: 8, bytes: 8),
                entry.integer(at: 16, bytes: 8), entry.integer(at: 28, bytes: 4),
            ]
        }
        let expected: [[UInt64]] = [
            [1, 0, 0, 1 << 31, 1], [1, 1, 1 << 31, 1 << 30, 1], [1, 1, 1 << 32, 1 << 30, 1],
            [1, 2, 1 << 34, 1 << 33, 3],
        ]
        #expect(memory == expected)
    }

    @Test func distancesCoverTheHighestNode() throws {
        var platform = ACPIPlatform(processors: [.init(apicID: 0, node: 0)], hasNodes: true)
        platform.deviceMemory = [.init(start: 1 << 32, size: 1 << 30, node: 2)]
        let table = try #require(try Self.tables(of: platform)["SLIT"])
        #expect(table.integer(at: 36, bytes: 8) == 3)
        #expect(Array(table[44...]) == [10, 20, 20, 20, 10, 20, 20, 20, 10])
    }

    @Test func withoutNodesThereIsNoWordOfThem() throws {
        var platform = ACPIPlatform.sample()
        platform.hasNodes = false
        let tables = try Self.tables(of: platform)
        #expect(tables["SRAT"] == nil)
        #expect(tables["SLIT"] == nil)
    }

    @Test(arguments: [400, UInt32.max])
    func tablesThatDoNotFitAreRefused(node: UInt32) {
        let platform = ACPIPlatform(processors: [.init(apicID: 0, node: node)], hasNodes: true)
        #expect(throws: BootError.self) {
            try ACPITables(platform, at: Self.address, limit: Self.limit)
        }
    }

    @Test func tooManyDevicesAreRefused() {
        var platform = ACPIPlatform(processors: [.init(apicID: 0)])
        platform.virtioDevices = (0..<5000).map { .init(address: UInt32($0) << 12, size: 0x200, gsi: 5) }
        #expect(throws: BootError.self) {
            try ACPITables(platform, at: Self.address, limit: Self.limit)
        }
    }

    @Test(arguments: [(0, 1), (62, 1), (63, 2), (4093, 2), (4094, 3), (0xf_fffc, 3), (0xf_fffd, 4)])
    func packageLengthsCountThemselves(body: Int, prefix: Int) {
        var bytes: [UInt8] = []
        bytes.append(amlPackage: [UInt8](repeating: 7, count: body))
        #expect(bytes.count == body + prefix)
        let following = Int(bytes[0] >> 6)
        #expect(following == prefix - 1)
        var length = following == 0 ? Int(bytes[0] & 0x3f) : Int(bytes[0] & 0xf)
        for index in 0..<following {
            length |= Int(bytes[1 + index]) << (4 + 8 * index)
        }
        #expect(length == bytes.count)
    }

    @Test func valuesTakeTheShortestForm() {
        func encoded(_ value: AMLValue) -> [UInt8] {
            var bytes: [UInt8] = []
            value.encode(into: &bytes)
            return bytes
        }
        #expect(encoded(.integer(1)) == [1])
        #expect(encoded(.integer(0xff)) == [0x0a, 0xff])
        #expect(encoded(.integer(0x100)) == [0x0b, 0, 1])
        #expect(encoded(.integer(0x1_0000)) == [0x0c, 0, 0, 1, 0])
        #expect(encoded(.integer(1 << 32)) == [0x0e, 0, 0, 0, 0, 1, 0, 0, 0])
        #expect(encoded(.eisaID("PNP0C0C")) == [0x0c, 0x41, 0xd0, 0x0c, 0x0c])
        #expect(AMLName(prefix: "V", index: 0xab).characters == Array("V0AB".utf8))
    }
}
