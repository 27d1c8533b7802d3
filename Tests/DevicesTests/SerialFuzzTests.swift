import TestSupport
import Testing

@testable import Devices

/// A guest and an owner that do anything at any time, from a seed that a failure names.
@Suite struct SerialFuzzTests {
    @Test(arguments: 0..<40 as Range<UInt64>)
    func randomAccessesKeepTheInvariants(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var serial = SerialFixture(outputLimit: 64 + Int(random.next() % 300))
        for step in 0..<5000 {
            let before = serial.port.pending
            let pulses = serial.line.count
            switch random.next() % 8 {
            case 0...2:
                let offset = UInt16(truncatingIfNeeded: random.next() % 11)
                _ = serial.port.read(offset: offset, size: Int(random.next() % 6))
            case 3...5:
                let offset = UInt16(truncatingIfNeeded: random.next() % 11)
                serial.port.write(
                    offset: offset, size: Int(random.next() % 6), value: UInt32(truncatingIfNeeded: random.next()))
            case 6:
                let bytes = [UInt8](repeating: 1, count: Int(random.next() % 20))
                let room = serial.port.inputRoom
                #expect(serial.send(bytes) == min(room, bytes.count))
            default:
                _ = serial.taken(Int(random.next() % 200))
            }
            let after = serial.port.pending
            if !after.isSubset(of: before) {
                #expect(serial.line.count > pulses, "seed \(seed), step \(step): a new reason without an edge")
            }
            #expect(serial.port.received.count <= 16)
        }
    }

    /// Whatever was done before, a driver that starts anew as Linux's does gets its bytes through both ways.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func aDriverCanAlwaysStartAnew(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var serial = SerialFixture()
        for _ in 0..<500 {
            serial.port.writeRegister(
                UInt8(truncatingIfNeeded: random.next()), at: UInt16(truncatingIfNeeded: random.next() % 8))
        }
        serial.port.writeRegister(0x03, at: 3)
        serial.port.writeRegister(0x07, at: 2)
        serial.port.writeRegister(0x0b, at: 4)
        serial.port.writeRegister(0x00, at: 1)
        for register in [5, 0, 2, 6] as [UInt16] { _ = serial.port.readRegister(at: register) }
        _ = serial.taken()
        _ = serial.newPulses()
        serial.port.writeRegister(0x07, at: 1)
        #expect(serial.newPulses() == 1)
        #expect(serial.port.readRegister(at: 2) == 0xc2)
        serial.port.writeRegister(65, at: 0)
        #expect(serial.taken() == [65])
        #expect(serial.port.readRegister(at: 2) == 0xc2)
        _ = serial.newPulses()
        #expect(serial.send([66]) == 1)
        #expect(serial.newPulses() == 1)
        #expect(serial.port.readRegister(at: 0) == 66)
    }
}
