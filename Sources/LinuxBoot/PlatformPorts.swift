/// The I/O ports of sleep and reset that the ACPI tables name. The device that sits there must agree.
public enum PlatformPorts {
    /// The ACPI sleep control register.
    public static let sleepControl: UInt16 = 0x600
    /// The ACPI sleep status register.
    public static let sleepStatus: UInt16 = 0x601
    /// The ACPI reset register.
    public static let reset: UInt16 = 0x602
    /// What is written to the reset register.
    public static let resetValue: UInt8 = 1
    /// The sleep type of `\_S5`, soft off, as written to bits 2 to 4 of the sleep control register.
    public static let softOffSleepType: UInt8 = 5
}
