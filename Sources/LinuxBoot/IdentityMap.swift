/// Page tables that map the first 4 GiB of guest-physical addresses to themselves (Intel SDM volume 3, 4.5).
public enum IdentityMap: Sendable {
    /// Pages of 2 MiB: any 64-bit processor.
    case twoMebibytePages
    /// Pages of 1 GiB: less to write and to walk, for processors that say so in CPUID (`pdpe1gb`).
    case oneGibibytePages

    private static let present: UInt64 = 1 << 0
    private static let writable: UInt64 = 1 << 1
    private static let large: UInt64 = 1 << 7
    private static let pageSize: UInt64 = 0x1000
    private static let gibibytes: UInt64 = 4

    /// The bytes of the tables for a given address, top level first.
    func bytes(at address: UInt64) -> [UInt8] {
        let table = Self.present | Self.writable
        let page = table | Self.large
        let directoryPointers = address + Self.pageSize
        var bytes: [UInt8] = []
        bytes.append(littleEndian: directoryPointers | table)
        pad(&bytes)
        switch self {
        case .oneGibibytePages:
            for index in 0..<Self.gibibytes {
                bytes.append(littleEndian: index << 30 | page)
            }
            pad(&bytes)
        case .twoMebibytePages:
            for index in 0..<Self.gibibytes {
                bytes.append(littleEndian: (directoryPointers + (index + 1) * Self.pageSize) | table)
            }
            pad(&bytes)
            for index in 0..<(Self.gibibytes * 512) {
                bytes.append(littleEndian: index << 21 | page)
            }
        }
        return bytes
    }

    /// Fills the rest of a table with entries that are not present.
    private func pad(_ bytes: inout [UInt8]) {
        let rest = bytes.count % Int(Self.pageSize)
        bytes.append(contentsOf: repeatElement(0, count: Int(Self.pageSize) - rest))
    }
}
