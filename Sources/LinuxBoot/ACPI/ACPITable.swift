/// One ACPI table: a header of 36 bytes and a body (ACPI specification 6.4, 5.2.6).
struct ACPITable {
    static let headerSize = 36

    /// Four characters.
    let signature: String
    /// The table's bytes, checksum included.
    private(set) var bytes: [UInt8]

    init(signature: String, revision: UInt8, body: [UInt8]) {
        self.signature = signature
        bytes = Array(signature.utf8)
        bytes.append(littleEndian: UInt32(Self.headerSize + body.count))
        bytes.append(revision)
        bytes.append(0)  // the checksum, below
        bytes.append(contentsOf: Self.oemID)
        bytes.append(contentsOf: "SWIFTLET".utf8)  // OEM table id
        bytes.append(littleEndian: UInt32(1))  // OEM revision
        bytes.append(contentsOf: "SWFT".utf8)  // creator id
        bytes.append(littleEndian: UInt32(1))  // creator revision
        assert(bytes.count == Self.headerSize, "signature of four characters")
        bytes.append(contentsOf: body)
        bytes[9] = Self.checksum(of: bytes)
    }

    /// Six characters that say who made the tables.
    static let oemID = Array("SWIFTL".utf8)

    /// The byte that makes the sum of all bytes zero modulo 256, where its place holds zero.
    static func checksum(of bytes: some Sequence<UInt8>) -> UInt8 {
        0 &- bytes.reduce(0, &+)
    }
}
