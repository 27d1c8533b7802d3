/// A guest in 64-bit machine code, put together instruction by instruction. It starts where Linux would: long mode, the
/// first 4 GiB mapped to themselves, interrupts off.
struct GuestProgram {
    /// Where the machine loads it.
    static let address: UInt64 = 0x10_0000
    /// Where its data begin in the same segment.
    static let dataOffset = 0x1000

    private(set) var code: [UInt8] = []
    /// What lies at `dataOffset`.
    var data: [UInt8] = []

    init(_ build: (inout GuestProgram) -> Void) {
        build(&self)
    }

    /// Code and data, as a kernel's file.
    var image: [UInt8] {
        data.isEmpty ? code : code + [UInt8](repeating: 0, count: Self.dataOffset - code.count) + data
    }

    mutating func emit(_ bytes: UInt8...) {
        code += bytes
    }

    private mutating func emit32(_ value: UInt32) {
        code += (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    // MARK: Ports

    /// mov edx, port; mov al, value; out dx, al
    mutating func out(_ port: UInt16, _ value: UInt8) {
        emit(0xBA)
        emit32(UInt32(port))
        emit(0xB0, value, 0xEE)
    }

    /// Writes to the serial port, without waiting for it.
    mutating func print(_ text: String) {
        emit(0xBA)
        emit32(0x3F8)
        for byte in text.utf8 { emit(0xB0, byte, 0xEE) }
    }

    /// Writes AL to the serial port.
    mutating func printAL() {
        emit(0xBA)
        emit32(0x3F8)
        emit(0xEE)
    }

    mutating func powerOff() { out(0x600, 0x34) }

    mutating func reset() { out(0x602, 1) }

    /// Waits until the bits of the line status register are set: 1 for input, 0x20 for room for output.
    mutating func waitForSerial(_ bits: UInt8) {
        emit(0xBA)
        emit32(0x3FD)
        // again: in al, dx; test al, bits; jz again
        emit(0xEC, 0xA8, bits, 0x74, 0xFB)
    }

    // MARK: Memory

    /// mov dword [address], value, for any address below 4 GiB
    mutating func store(_ value: UInt32, at address: UInt32) {
        emit(0xBB)
        emit32(address)
        emit(0xC7, 0x03)
        emit32(value)
    }

    /// mov eax, [address]
    mutating func load(_ address: UInt32) {
        emit(0xBB)
        emit32(address)
        emit(0x8B, 0x03)
    }

    // MARK: Flow

    /// cli; again: hlt; jmp again
    mutating func halt() { emit(0xFA, 0xF4, 0xEB, 0xFD) }

    /// jmp $
    mutating func spin() { emit(0xEB, 0xFE) }

    /// Repeats for ever.
    mutating func loop(_ body: (inout GuestProgram) -> Void) {
        let start = code.count
        body(&self)
        emit(0xE9)
        emit32(UInt32(bitPattern: Int32(start - code.count - 4)))
    }

    /// No interrupt table, and an instruction that is none: the processor stops.
    mutating func tripleFault() {
        // lidt [0x3000], where there are only zeroes; ud2
        emit(0x0F, 0x01, 0x1C, 0x25, 0x00, 0x30, 0x00, 0x00, 0x0F, 0x0B)
    }

    /// Goes on where there is no memory: KVM has nothing to run.
    mutating func fail() {
        // mov eax, 0xD0100000; jmp rax
        emit(0xB8)
        emit32(0xD010_0000)
        emit(0xFF, 0xE0)
    }
}
