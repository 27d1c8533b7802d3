/// The ACPI tables of a platform, ready to lie at a given guest-physical address.
///
/// Hardware-reduced ACPI: no power-management timer, no fixed events, no system control interrupt (ACPI
/// specification 6.4, 4.1).
public struct ACPITables: Sendable {
    /// The root pointer and the tables behind it, without gaps that matter.
    public let bytes: [UInt8]

    private static let alignment = 64

    /// - Parameters:
    ///   - address: where the root pointer lies, and the tables behind it; below 4 GiB and a multiple of 64.
    ///   - limit: how many bytes they may have.
    /// - Throws: `acpiTablesTooBig`.
    public init(_ platform: ACPIPlatform, at address: UInt64, limit: UInt64) throws(BootError) {
        let atLeast = Self.leastSize(of: platform)
        guard atLeast <= limit else { throw .acpiTablesTooBig(size: atLeast, limit: limit) }
        var bytes = [UInt8](repeating: 0, count: Self.alignment)
        var addresses: [UInt64] = []
        func place(_ table: ACPITable) -> UInt64 {
            let start = address + UInt64(bytes.count)
            bytes.append(contentsOf: table.bytes)
            let rest = bytes.count % Self.alignment
            bytes.append(contentsOf: repeatElement(0, count: rest == 0 ? 0 : Self.alignment - rest))
            return start
        }

        let differentiated = place(.differentiatedDescription(platform))
        addresses.append(place(.fixedDescription(differentiatedDescription: differentiated)))
        addresses.append(place(.multipleInterruptControllers(platform)))
        if platform.hasNodes {
            addresses.append(place(.resourceAffinity(platform)))
            addresses.append(place(.localityDistances(platform)))
        }
        let extended = place(.extendedRoot(tables: addresses))
        let pointer = Self.rootPointer(extendedRoot: extended)
        bytes.replaceSubrange(0..<pointer.count, with: pointer)
        guard UInt64(bytes.count) <= limit else {
            throw .acpiTablesTooBig(size: UInt64(bytes.count), limit: limit)
        }
        self.bytes = bytes
    }

    /// A lower bound of the size, known before anything is made: what is far too big is not built first, and names
    /// of devices do not run out.
    private static func leastSize(of platform: ACPIPlatform) -> UInt64 {
        let devices = UInt64(platform.virtioDevices.count) * 64
        let distances = platform.hasNodes ? ACPITable.distanceBodySize(platform) : 0
        let (sum, overflow) = devices.addingReportingOverflow(distances)
        return overflow ? .max : sum
    }

    /// The root system description pointer, revision 2 (5.2.5.3): two checksums, the first over what revision 0 had.
    private static func rootPointer(extendedRoot: UInt64) -> [UInt8] {
        var bytes = Array("RSD PTR ".utf8)
        bytes.append(0)  // checksum of the first 20 bytes
        bytes.append(contentsOf: ACPITable.oemID)
        bytes.append(2)  // revision
        bytes.append(littleEndian: UInt32(0))  // no RSDT
        bytes.append(littleEndian: UInt32(36))  // length
        bytes.append(littleEndian: extendedRoot)
        bytes.append(0)  // checksum of all
        bytes.append(contentsOf: [0, 0, 0])
        bytes[8] = ACPITable.checksum(of: bytes[..<20])
        bytes[32] = ACPITable.checksum(of: bytes)
        return bytes
    }
}

extension ACPITable {
    /// XSDT: the addresses of all tables but the one that FADT points to (5.2.8).
    fileprivate static func extendedRoot(tables: [UInt64]) -> ACPITable {
        var body: [UInt8] = []
        for table in tables {
            body.append(littleEndian: table)
        }
        return ACPITable(signature: "XSDT", revision: 1, body: body)
    }
}
