/// A resource descriptor (ACPI specification 6.4, 6.4).
enum ACPIResource {
    /// Fixed I/O ports.
    case ports(first: UInt16, count: UInt8)
    /// Memory-mapped registers.
    case memory(start: UInt32, size: UInt32)
    /// An edge-triggered, active-high interrupt.
    case edgeInterrupt(gsi: UInt32, isShared: Bool)

    var encoded: [UInt8] {
        var bytes: [UInt8]
        switch self {
        case .ports(let first, let count):
            bytes = [0x47, 1]  // I/O port descriptor, decodes 16 bits
            bytes.append(littleEndian: first)
            bytes.append(littleEndian: first)
            bytes += [1, count]  // alignment, length
        case .memory(let start, let size):
            bytes = [0x86, 9, 0, 1]  // 32-bit fixed memory range, read and write
            bytes.append(littleEndian: start)
            bytes.append(littleEndian: size)
        case .edgeInterrupt(let gsi, let isShared):
            let flags: UInt8 = 1 << 0 | 1 << 1 | (isShared ? 1 << 3 : 0)  // consumer, edge, active high
            bytes = [0x89, 6, 0, flags, 1]  // extended interrupt, one number
            bytes.append(littleEndian: gsi)
        }
        return bytes
    }
}
