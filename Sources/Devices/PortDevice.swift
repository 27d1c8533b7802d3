/// A device of byte-wide registers in I/O port space.
///
/// It has no I/O and no locking of its own: the owner keeps it under a lock and passes on the accesses of the virtual
/// processors. A guest may access any register at any width at any time; nothing that it does is an error.
public protocol PortDevice {
    /// Reads the register at an offset from the device's first port; one that does not exist reads as 0xFF.
    mutating func readRegister(at offset: UInt16) -> UInt8
    /// Writes the register at an offset from the device's first port; one that does not exist ignores it.
    mutating func writeRegister(_ value: UInt8, at offset: UInt16)
}

extension PortDevice {
    /// Reads `size` bytes as a processor's `in` does: from as many registers in a row, least significant byte first.
    public mutating func read(offset: UInt16, size: Int) -> UInt32 {
        if size == 1 { return UInt32(readRegister(at: offset)) }
        var value: UInt32 = 0
        for index in 0..<max(0, min(size, 4)) {
            let (register, overflow) = offset.addingReportingOverflow(UInt16(index))
            let byte = overflow ? 0xff : readRegister(at: register)
            value |= UInt32(byte) << (8 * UInt32(index))
        }
        return value
    }

    /// Writes `size` bytes as a processor's `out` does: to as many registers in a row, least significant byte first.
    public mutating func write(offset: UInt16, size: Int, value: UInt32) {
        if size == 1 { return writeRegister(UInt8(truncatingIfNeeded: value), at: offset) }
        for index in 0..<max(0, min(size, 4)) {
            let (register, overflow) = offset.addingReportingOverflow(UInt16(index))
            if !overflow {
                writeRegister(UInt8(truncatingIfNeeded: value >> (8 * UInt32(index))), at: register)
            }
        }
    }
}
