extension [UInt8] {
    /// Appends an integer, least significant byte first.
    mutating func append<Integer: FixedWidthInteger>(littleEndian value: Integer) {
        for byte in 0..<(Integer.bitWidth / 8) {
            append(UInt8(truncatingIfNeeded: value >> (byte * 8)))
        }
    }

    /// Replaces bytes by an integer, least significant byte first.
    mutating func store<Integer: FixedWidthInteger>(littleEndian value: Integer, at offset: Int) {
        for byte in 0..<(Integer.bitWidth / 8) {
            self[offset + byte] = UInt8(truncatingIfNeeded: value >> (byte * 8))
        }
    }
}
