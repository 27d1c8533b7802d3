/// Takes an input apart, from its first byte to its last. What lies behind the end reads as zero.
struct InputReader {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    var isEmpty: Bool { position >= bytes.count }

    mutating func uint8() -> UInt8 {
        guard position < bytes.count else { return 0 }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func uint16() -> UInt16 { UInt16(uint8()) | UInt16(uint8()) << 8 }

    mutating func uint32() -> UInt32 { UInt32(uint16()) | UInt32(uint16()) << 16 }

    mutating func uint64() -> UInt64 { UInt64(uint32()) | UInt64(uint32()) << 32 }

    /// A number of bytes: most often small, and in one byte of the input.
    mutating func length() -> UInt32 {
        let byte = uint8()
        return switch byte {
        case 0..<0x80: UInt32(byte)
        case 0x80..<0xf0: UInt32(byte - 0x80) * 64
        default: uint32()
        }
    }

    /// A guest-physical address: most often one in or next to fuzzed memory, in two bytes of the input.
    mutating func address() -> UInt64 {
        let number = UInt64(uint16())
        return switch number {
        case 0..<0x7100: FuzzMemory.low + number
        case 0x7100..<0x8300: FuzzMemory.high - 0x80 + (number - 0x7100)
        case 0x8300..<0xa300: FuzzMemory.elastic + (number - 0x8300) * 0x200
        default: uint64()
        }
    }
}
