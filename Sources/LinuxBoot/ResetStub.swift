/// What stands where a BIOS would have its reset entry.
///
/// Under hardware-reduced ACPI Linux ignores the ACPI reset register and jumps, in real mode, to FFFF:0000. The code
/// there asks for a reset by writing to the reset port.
enum ResetStub {
    static let code: [UInt8] = [
        0xba, UInt8(PlatformPorts.reset & 0xff), UInt8(PlatformPorts.reset >> 8),  // mov dx, reset port
        0xb0, PlatformPorts.resetValue,  // mov al, reset value
        0xee,  // out dx, al
        0xf4,  // hlt
        0xeb, 0xfd,  // jmp to hlt
    ]
}
