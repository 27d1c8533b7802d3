/// The registers by which a guest under hardware-reduced ACPI switches off and resets: sleep control, sleep status and
/// reset (ACPI specification 6.4, 4.8.3.7 and 4.8.3.6).
///
/// They have no state.
public struct SleepAndReset: Sendable {
    /// What a guest asks for.
    public enum Event: Sendable, Equatable {
        case powerOff
        case reset
    }

    /// The first port; the ACPI tables name it.
    public static let firstPort: UInt16 = 0x600
    /// How many ports there are.
    public static let portCount: UInt16 = 3

    private enum Register {
        static let sleepControl: UInt16 = 0
        static let sleepStatus: UInt16 = 1
        static let reset: UInt16 = 2
    }

    /// SLP_EN of the sleep control register: enter the sleep state of bits 2 to 4.
    private static let sleepEnable: UInt8 = 0x20
    /// The sleep type of soft off; the object `\_S5` names it.
    private static let softOff: UInt8 = 5
    private static let resetValue: UInt8 = 1

    public init() {}

    /// Reads `size` bytes: sleep control and status, and what follows them, are zero; SLP_EN always reads so, and
    /// there is no sleep to have woken from.
    public func read(offset: UInt16, size: Int) -> UInt32 {
        0
    }

    /// Writes `size` bytes to as many registers in a row, least significant byte first.
    ///
    /// - Returns: what the guest asks for by it, if anything.
    public func write(offset: UInt16, size: Int, value: UInt32) -> Event? {
        for index in 0..<max(0, min(size, 4)) {
            let (register, overflow) = offset.addingReportingOverflow(UInt16(index))
            guard !overflow else { return nil }
            if let event = event(of: UInt8(truncatingIfNeeded: value >> (8 * UInt32(index))), at: register) {
                return event
            }
        }
        return nil
    }

    private func event(of value: UInt8, at register: UInt16) -> Event? {
        switch register {
        case Register.sleepControl where value & Self.sleepEnable != 0 && value >> 2 & 7 == Self.softOff: .powerOff
        case Register.reset where value == Self.resetValue: .reset
        default: nil
        }
    }
}
