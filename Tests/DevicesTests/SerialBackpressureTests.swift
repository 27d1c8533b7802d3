import Testing

@testable import Devices

@Suite struct SerialBackpressureTests {
    private static let limit = 4096
    private var serial = SerialFixture(outputLimit: limit)

    /// A driver that waits for room as Linux's does: a burst of 16 whenever the transmitter is empty.
    @Test(arguments: [1, 7, 64, 1000, 5000])
    mutating func aGuestThatWaitsLosesNothing(takenAtOnce: Int) {
        serial.port.writeRegister(0x01, at: 2)
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 8) }
        var sent = 0
        var arrived: [UInt8] = []
        while arrived.count < bytes.count {
            while sent < bytes.count, serial.port.readRegister(at: 5) & 0x20 != 0 {
                for _ in 0..<min(16, bytes.count - sent) {
                    serial.port.writeRegister(bytes[sent], at: 0)
                    sent += 1
                }
            }
            let some = serial.taken(takenAtOnce)
            #expect(!some.isEmpty)
            arrived += some
        }
        let isComplete = arrived == bytes
        #expect(isComplete)
        #expect(serial.port.lostOutput == 0)
    }

    @Test mutating func aBusyTransmitterInterruptsWhenItHasRoomAgain() {
        serial.port.writeRegister(0x01, at: 2)
        serial.port.writeRegister(0x02, at: 1)
        while serial.port.readRegister(at: 5) & 0x60 == 0x60 { serial.port.writeRegister(1, at: 0) }
        #expect(serial.port.readRegister(at: 5) & 0x60 == 0)
        #expect(serial.port.readRegister(at: 2) == 0xc1, "nothing to report while busy")
        serial.port.writeRegister(0x00, at: 1)
        _ = serial.newPulses()
        serial.port.writeRegister(0x02, at: 1)
        #expect(serial.newPulses() == 0, "enabling does not help while busy")
        #expect(serial.taken(Self.limit / 4 - 1).count == Self.limit / 4 - 1)
        #expect(serial.newPulses() == 0)
        #expect(serial.port.readRegister(at: 5) & 0x60 == 0)
        #expect(serial.taken(1).count == 1)
        #expect(serial.newPulses() == 1)
        #expect(serial.port.readRegister(at: 5) & 0x60 == 0x60)
        #expect(serial.port.readRegister(at: 2) == 0xc2)
    }

    @Test mutating func aGuestThatDoesNotWaitLosesWhatIsBeyondTheLimit() {
        for index in 0..<(Self.limit + 10) { serial.port.writeRegister(UInt8(truncatingIfNeeded: index), at: 0) }
        #expect(serial.port.lostOutput == 10)
        let arrived = serial.taken()
        #expect(arrived.count == Self.limit)
        #expect(arrived.last == UInt8(truncatingIfNeeded: Self.limit - 1))
        #expect(serial.port.readRegister(at: 5) & 0x60 == 0x60)
    }

    @Test mutating func aBusyTransmitterIsFreeInLoopback() {
        while serial.port.readRegister(at: 5) & 0x60 == 0x60 { serial.port.writeRegister(1, at: 0) }
        serial.port.writeRegister(0x10, at: 4)
        #expect(serial.port.readRegister(at: 5) & 0x60 == 0x60)
        serial.port.writeRegister(0, at: 4)
        #expect(serial.port.readRegister(at: 5) & 0x60 == 0)
    }
}
