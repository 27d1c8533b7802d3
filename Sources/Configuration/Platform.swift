/// The fixed parts of the machine: addresses, ports and interrupt lines, the same for every guest.
public enum Platform {
    /// The most bits that a physical address has on x86-64 (Intel SDM, volume 3A, "Enumeration of Paging Features by CPUID").
    public static let mostAddressBits = 52

    /// Boot memory below 4 GiB ends here at the latest; device windows and interrupt controllers follow.
    public static let lowMemoryEnd: UInt64 = 0xc000_0000
    /// Boot memory continues here when it is more.
    public static let highMemoryStart: UInt64 = 0x1_0000_0000

    /// The first virtio-mmio window.
    public static let virtioWindowStart: UInt64 = 0xd000_0000
    /// Bytes of a virtio-mmio window.
    public static let virtioWindowSize: UInt64 = 0x1000

    /// Where the regions of memory devices may begin: the largest Linux memory block, so that none straddles two.
    public static let memoryDeviceAlignment: UInt64 = .gibibytes(2)
    /// What Linux adds and removes at once, as long as regions and requested sizes are multiples of it.
    public static let linuxMemoryBlockSize: UInt64 = .mebibytes(128)

    /// The smallest piece that Linux adds or removes of one that is not.
    public static let linuxPieceSize: UInt64 = .mebibytes(2)

    /// The interrupt lines (global system interrupts) of virtio devices in the order they are given out; beyond
    /// them, devices share. Left out are those of the timer (0), the keyboard (1), the cascade (2), serial ports
    /// (3, 4), the clock (8) and power events (9).
    public static let virtioInterrupts: [UInt32] = [
        16, 17, 18, 19, 20, 21, 22, 23, 5, 6, 7, 10, 11, 12, 13, 14, 15,
    ]

    /// The serial port, COM1.
    public static let serialPort: UInt16 = 0x3f8
    /// COM1's interrupt line.
    public static let serialInterrupt: UInt32 = 4
    /// The interrupt line of the power button (ACPI generic event device).
    public static let powerButtonInterrupt: UInt32 = 9
    /// ACPI sleep control register: `poweroff` ends here.
    public static let sleepControlPort: UInt16 = 0x600
    /// ACPI sleep status register.
    public static let sleepStatusPort: UInt16 = 0x601
    /// ACPI reset register: `resetValue` written to it restarts the machine.
    public static let resetPort: UInt16 = 0x602
    /// What the reset register wants to be written.
    public static let resetValue: UInt8 = 1
    /// Where Linux jumps for a BIOS reboot: a stub there writes the reset register.
    public static let rebootStubAddress: UInt64 = 0xf_fff0

    /// What boot memory is a multiple of; the first such unit holds the tables and stubs that a boot needs.
    public static let bootMemoryUnit: UInt64 = .mebibytes(1)
}
