import Testing

@testable import Devices

@Suite struct PlatformPortTests {
    private let registers = SleepAndReset()

    private static let writes: [(UInt16, Int, UInt32, SleepAndReset.Event?)] = [
        (1, 1, 0x80, nil),  // what Linux writes first: clear the wake status
        (0, 1, 0x34, .powerOff),
        (0, 1, 0x14, nil),  // sleep type without enable
        (0, 1, 0x20, nil),  // enable with another type
        (0, 1, 0x3c, nil),
        (2, 1, 1, .reset),
        (2, 1, 0, nil),
        (0, 4, 0x0001_0000, .reset),
        (0, 2, 0x8034, .powerOff),
        (1, 2, 0x0100, .reset),
        (3, 1, 1, nil),
        (.max, 4, .max, nil),
        (0, 0, 0x34, nil),
        (0, -1, 0x34, nil),
    ]

    @Test(arguments: writes)
    func writesAreUnderstood(offset: UInt16, size: Int, value: UInt32, event: SleepAndReset.Event?) {
        #expect(registers.write(offset: offset, size: size, value: value) == event)
    }

    @Test func readsAreZero() {
        for offset in 0..<4 as Range<UInt16> {
            for size in [1, 2, 4] { #expect(registers.read(offset: offset, size: size) == 0) }
        }
    }

    @Test func wideAccessesSpanRegisters() {
        var serial = SerialFixture()
        serial.port.write(offset: 3, size: 1, value: 0x83)
        serial.port.write(offset: 0, size: 2, value: 0x1234)
        #expect(serial.port.read(offset: 0, size: 2) == 0x1234)
        #expect(serial.port.read(offset: 7, size: 2) == 0xff00)
        #expect(serial.port.read(offset: .max, size: 4) == 0xffff_ffff)
        #expect(serial.port.read(offset: 0, size: 0) == 0)
        #expect(serial.port.read(offset: 0, size: .min) == 0)
        serial.port.write(offset: .max, size: 4, value: 0)
    }
}
