import Testing

@testable import Devices

/// A port with what its owner sees of it.
struct SerialFixture {
    let line = PulseCounter()
    let outputCalls = PulseCounter()
    let roomCalls = PulseCounter()
    var port: Serial16550

    init(outputLimit: Int = 1 << 16) {
        port = Serial16550(
            interrupt: line, outputLimit: outputLimit, onOutput: { [outputCalls] in outputCalls.pulse() },
            onInputRoom: { [roomCalls] in roomCalls.pulse() })
    }

    mutating func send(_ bytes: [UInt8]) -> Int {
        port.receive(bytes.span)
    }

    mutating func taken(_ limit: Int = .max) -> [UInt8] {
        var bytes: [UInt8] = []
        port.takeOutput(upTo: limit, appendingTo: &bytes)
        return bytes
    }

    /// Edges since the last call.
    private var seenPulses = 0
    mutating func newPulses() -> Int {
        defer { seenPulses = line.count }
        return line.count - seenPulses
    }
}

/// Register offsets.
private let data: UInt16 = 0
private let enable: UInt16 = 1
private let identification: UInt16 = 2
private let lineControl: UInt16 = 3
private let modemControl: UInt16 = 4
private let lineStatus: UInt16 = 5
private let modemStatus: UInt16 = 6
private let scratch: UInt16 = 7

@Suite struct Serial16550Tests {
    private var serial = SerialFixture()

    @Test mutating func registersReadBackWhatWasWritten() {
        serial.port.writeRegister(0x5a, at: scratch)
        #expect(serial.port.readRegister(at: scratch) == 0x5a)
        serial.port.writeRegister(0xff, at: enable)
        #expect(serial.port.readRegister(at: enable) == 0x0f)
        serial.port.writeRegister(0xff, at: modemControl)
        #expect(serial.port.readRegister(at: modemControl) == 0x1f)
        serial.port.writeRegister(0x1b, at: lineControl)
        #expect(serial.port.readRegister(at: lineControl) == 0x1b)
        #expect(serial.port.readRegister(at: 8) == 0xff)
    }

    @Test mutating func divisorStandsBehindItsAccessBit() {
        serial.port.writeRegister(0x83, at: lineControl)
        serial.port.writeRegister(0x34, at: data)
        serial.port.writeRegister(0x12, at: enable)
        #expect(serial.port.readRegister(at: data) == 0x34)
        #expect(serial.port.readRegister(at: enable) == 0x12)
        serial.port.writeRegister(0x03, at: lineControl)
        #expect(serial.port.readRegister(at: enable) == 0)
        #expect(serial.taken().isEmpty, "nothing was transmitted")
        serial.port.writeRegister(0x83, at: lineControl)
        #expect(serial.port.readRegister(at: data) == 0x34)
    }

    /// The steps by which Linux's 8250 driver tells a 16550A from its relatives (drivers/tty/serial/8250,
    /// `autoconfig` and `autoconfig_16550a`).
    @Test mutating func isRecognisedAs16550A() {
        serial.port.writeRegister(0, at: enable)
        #expect(serial.port.readRegister(at: enable) & 0x0f == 0)
        serial.port.writeRegister(0x0f, at: enable)
        #expect(serial.port.readRegister(at: enable) & 0x0f == 0x0f)
        serial.port.writeRegister(0, at: enable)

        // Loopback: request to send and OUT2 come back as clear to send and carrier detect.
        serial.port.writeRegister(0x1a, at: modemControl)
        #expect(serial.port.readRegister(at: modemStatus) & 0xf0 == 0x90)
        serial.port.writeRegister(0, at: modemControl)

        serial.port.writeRegister(1, at: identification)
        #expect(serial.port.readRegister(at: identification) >> 6 == 3, "FIFOs that work")
        // No enhanced features register, neither in configuration mode A nor in B.
        for mode in [0x80, 0xbf] as [UInt8] {
            serial.port.writeRegister(mode, at: lineControl)
            #expect(serial.port.readRegister(at: identification) != 0)
        }
        serial.port.writeRegister(0, at: lineControl)
        // Not a 16750: the 64-byte bit does nothing.
        for value in [0x01, 0x21] as [UInt8] {
            serial.port.writeRegister(value, at: identification)
            #expect(serial.port.readRegister(at: identification) >> 5 == 6)
        }
        // Not an XScale: the unit enable bit does not stick.
        serial.port.writeRegister(0x40, at: enable)
        #expect(serial.port.readRegister(at: enable) & 0x40 == 0)
        // Without FIFOs the identification says so.
        serial.port.writeRegister(0, at: identification)
        #expect(serial.port.readRegister(at: identification) == 0x01)
    }

    @Test mutating func outputIsTakenInOrderAndAnnouncedOnce() {
        for byte in Array("hello".utf8) {
            serial.port.writeRegister(byte, at: data)
            #expect(serial.port.readRegister(at: lineStatus) == 0x60)
        }
        #expect(serial.outputCalls.count == 1)
        #expect(serial.port.hasOutput)
        #expect(serial.taken(2) == Array("he".utf8))
        #expect(serial.taken() == Array("llo".utf8))
        #expect(!serial.port.hasOutput)
        serial.port.writeRegister(33, at: data)
        #expect(serial.outputCalls.count == 2)
    }

    @Test mutating func enablingTheTransmitInterruptRaisesItEachTime() {
        #expect(serial.port.readRegister(at: identification) == 0x01)
        for _ in 0..<3 {
            serial.port.writeRegister(0x02, at: enable)
            #expect(serial.newPulses() == 1)
            #expect(serial.port.readRegister(at: identification) == 0x02)
            #expect(serial.port.readRegister(at: identification) == 0x01, "reading takes notice")
            serial.port.writeRegister(0x02, at: enable)
            #expect(serial.newPulses() == 0, "it was enabled already")
            serial.port.writeRegister(0x00, at: enable)
        }
        serial.port.writeRegister(0x02, at: enable)
        serial.port.writeRegister(0x00, at: enable)
        #expect(serial.port.readRegister(at: identification) == 0x01, "not enabled, not reported")
    }

    @Test mutating func aByteRaisesTheTransmitInterruptAgain() {
        serial.port.writeRegister(0x02, at: enable)
        for _ in 0..<3 {
            _ = serial.newPulses()
            #expect(serial.port.readRegister(at: identification) == 0x02)
            serial.port.writeRegister(65, at: data)
            #expect(serial.newPulses() == 1)
        }
        // Also for a guest that never reads the identification.
        serial.port.writeRegister(65, at: data)
        #expect(serial.newPulses() == 1)
    }

    @Test mutating func aBurstIntoTheFIFOIsOneEdge() {
        serial.port.writeRegister(0x01, at: identification)
        serial.port.writeRegister(0x02, at: enable)
        #expect(serial.port.readRegister(at: identification) == 0xc2)
        _ = serial.newPulses()
        for _ in 0..<16 { serial.port.writeRegister(65, at: data) }
        #expect(serial.newPulses() == 1)
        #expect(serial.port.readRegister(at: identification) == 0xc2)
        #expect(serial.port.readRegister(at: identification) == 0xc1)
    }

    @Test mutating func receivedBytesInterruptAndAreRead() {
        serial.port.writeRegister(0xc1, at: identification)  // FIFOs, trigger at 14
        serial.port.writeRegister(0x01, at: enable)
        #expect(serial.send(Array(1...5)) == 5)
        #expect(serial.newPulses() == 1)
        #expect(serial.port.readRegister(at: identification) == 0xcc, "below the trigger: time-out")
        #expect(serial.send(Array(6...14)) == 9)
        #expect(serial.newPulses() == 1)
        #expect(serial.port.readRegister(at: identification) == 0xc4)
        for byte in 1...14 as ClosedRange<UInt8> {
            #expect(serial.port.readRegister(at: lineStatus) == 0x61)
            #expect(serial.port.readRegister(at: data) == byte)
        }
        #expect(serial.port.readRegister(at: lineStatus) == 0x60)
        #expect(serial.port.readRegister(at: identification) == 0xc1)
        #expect(serial.port.readRegister(at: data) == 0, "an empty receiver reads as zero")
        #expect(serial.newPulses() == 0)
    }

    @Test mutating func inputThatWaitedInterruptsWhenItIsAllowedTo() {
        #expect(serial.send([7]) == 1)
        #expect(serial.newPulses() == 0)
        serial.port.writeRegister(0x01, at: enable)
        #expect(serial.newPulses() == 1)
        #expect(serial.port.readRegister(at: identification) == 0x04)
    }

    @Test mutating func refusedInputIsAskedForAgain() {
        serial.port.writeRegister(0x01, at: identification)
        let bytes = (0..<40).map { UInt8($0) }
        var given = serial.send(bytes)
        #expect(given == 16)
        #expect(serial.port.inputRoom == 0)
        var seen: [UInt8] = []
        for _ in 0..<bytes.count {
            let asked = serial.roomCalls.count
            seen.append(serial.port.readRegister(at: data))
            if serial.roomCalls.count > asked { given += serial.send(Array(bytes[given...])) }
        }
        #expect(seen == bytes)
        #expect(serial.roomCalls.count == 2, "asked for when empty, and not after all was taken")
        #expect(serial.send([]) == 0)
        #expect(serial.roomCalls.count == 2)
    }

    @Test mutating func withoutFIFOsOneByteFits() {
        #expect(serial.send([1, 2]) == 1)
        #expect(serial.port.readRegister(at: data) == 1)
        #expect(serial.roomCalls.count == 1)
    }

    @Test(arguments: [0x03, 0x00] as [UInt8])
    mutating func clearingTheReceiverMakesRoom(control: UInt8) {
        serial.port.writeRegister(0x01, at: identification)
        serial.port.writeRegister(0x01, at: enable)
        #expect(serial.send([UInt8](repeating: 1, count: 17)) == 16)
        serial.port.writeRegister(control, at: identification)
        #expect(serial.port.readRegister(at: lineStatus) == 0x60)
        #expect(serial.roomCalls.count == 1)
        #expect(serial.port.readRegister(at: identification) & 0x0f == 0x01)
    }

    @Test mutating func reasonsAreReportedByUrgencyWithAnEdgeForTheRest() {
        serial.port.writeRegister(0x10, at: modemControl)  // loopback
        serial.port.writeRegister(0x0f, at: enable)
        serial.port.writeRegister(1, at: data)
        serial.port.writeRegister(2, at: data)  // overruns the single receive buffer
        serial.port.writeRegister(0x11, at: modemControl)
        _ = serial.newPulses()
        #expect(serial.port.readRegister(at: identification) == 0x06)
        #expect(serial.port.readRegister(at: lineStatus) == 0x63)
        #expect(serial.newPulses() == 1)
        #expect(serial.port.readRegister(at: identification) == 0x04)
        #expect(serial.port.readRegister(at: data) == 1)
        #expect(serial.newPulses() == 1)
        #expect(serial.port.readRegister(at: identification) == 0x02)
        #expect(serial.newPulses() == 1)
        #expect(serial.port.readRegister(at: identification) == 0x00)
        #expect(serial.port.readRegister(at: modemStatus) & 0x0f != 0)
        #expect(serial.newPulses() == 0)
        #expect(serial.port.readRegister(at: identification) == 0x01)
    }

    @Test mutating func loopbackKeepsBytesInside() {
        serial.port.writeRegister(0x01, at: identification)
        serial.port.writeRegister(0x10, at: modemControl)
        #expect(serial.send([9]) == 0, "the line is cut")
        for byte in 0..<17 as Range<UInt8> { serial.port.writeRegister(byte, at: data) }
        #expect(serial.port.readRegister(at: lineStatus) == 0x63)
        #expect(serial.port.readRegister(at: lineStatus) == 0x61, "the overrun was read")
        for byte in 0..<16 as Range<UInt8> { #expect(serial.port.readRegister(at: data) == byte) }
        #expect(serial.taken().isEmpty)
        #expect(serial.roomCalls.count == 0)
        serial.port.writeRegister(0, at: modemControl)
        #expect(serial.roomCalls.count == 1)
        #expect(serial.send([9]) == 1)
    }

    @Test mutating func modemLinesFollowTheControlRegisterInLoopback() {
        #expect(serial.port.readRegister(at: modemStatus) == 0xb0)
        serial.port.writeRegister(0x10, at: modemControl)
        #expect(serial.port.readRegister(at: modemStatus) == 0x0b, "three lines went down")
        for (control, status) in [(0x11, 0x22), (0x13, 0x31), (0x17, 0x70), (0x1f, 0xf8), (0x1b, 0xb4)]
            as [(UInt8, UInt8)]
        {
            serial.port.writeRegister(control, at: modemControl)
            #expect(serial.port.readRegister(at: modemStatus) == status)
            #expect(serial.port.readRegister(at: modemStatus) == status & 0xf0)
        }
    }

    @Test mutating func resetKeepsOutput() {
        serial.port.writeRegister(65, at: data)
        #expect(serial.send([1, 2]) == 1)
        serial.port.writeRegister(0x9f, at: lineControl)
        serial.port.writeRegister(0x0f, at: enable)
        serial.port.reset()
        #expect(serial.port.readRegister(at: lineControl) == 0)
        #expect(serial.port.readRegister(at: enable) == 0)
        #expect(serial.port.readRegister(at: lineStatus) == 0x60)
        #expect(serial.roomCalls.count == 1)
        #expect(serial.taken() == [65])
    }
}
