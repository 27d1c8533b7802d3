import GuestMemory
import Testing

@testable import Machine

/// What accesses mean: plugged memory up to 0x1000, memory that reads as zero up to 0x2000, nothing behind it.
struct InstructionTraceTests {
    private typealias Access = InstructionTrace.Access

    private func read(_ address: UInt64, _ size: Int) -> Access {
        Access(address: address, size: size, isWrite: false, value: 0, isServed: true)
    }

    private func write(_ address: UInt64, _ size: Int) -> Access {
        Access(address: address, size: size, isWrite: true, value: 0)
    }

    private func finding(_ accesses: [Access], readable: UInt64 = 0x1000) -> InstructionTrace.Finding {
        InstructionTrace.finding(in: accesses) { address in
            address < 0x1000 ? .plugged : address < readable ? .readable : .inaccessible
        }
    }

    @Test func whatStaysInMemoryIsNothing() {
        #expect(finding([]) == .nothing)
        #expect(finding([read(0xFF8, 8), write(0xFF8, 8)]) == .nothing)
    }

    @Test func aReadMayCrossTheEdge() {
        #expect(finding([read(0xFFC, 4), read(0x1000, 4)]) == .crossing)
        #expect(finding([read(0xFF4, 8), read(0xFFC, 4), read(0x1000, 4)]) == .crossing)
        #expect(finding([read(0xFFF, 1), read(0x1000, 8), read(0x1008, 7)]) == .crossing)
    }

    @Test func aReadMayNotBeginBehindIt() {
        #expect(finding([read(0x1000, 4)]) == .violation(read(0x1000, 4)))
        #expect(finding([read(0xFF0, 4), read(0x1000, 4)]) == .violation(read(0x1000, 4)), "there is a gap")
        #expect(finding([write(0xFFC, 4), read(0x1000, 4)]) == .violation(read(0x1000, 4)))
        #expect(finding([read(0xFFC, 4), read(0x1000, 4), read(0x2000, 4)]) == .violation(read(0x2000, 4)))
    }

    @Test func nothingMayBeWrittenThere() {
        #expect(finding([write(0xFFC, 4), write(0x1000, 4)]) == .violation(write(0x1000, 4)))
        let update = [read(0xFFC, 4), read(0x1000, 4), write(0xFFC, 4), write(0x1000, 4)]
        #expect(finding(update) == .violation(write(0x1000, 4)))
    }

    @Test func zeroesMayBeReadAndNotWritten() {
        #expect(finding([read(0x1800, 8)], readable: 0x2000) == .nothing)
        #expect(finding([write(0x1800, 8)], readable: 0x2000) == .violation(write(0x1800, 8)))
        #expect(finding([read(0x1FFC, 4), read(0x2000, 4)], readable: 0x2000) == .crossing)
    }

    @Test func rangesAreSubtracted() {
        let range: Range<UInt64> = 10..<100
        #expect(range.subtracting([]) == [10..<100])
        #expect(range.subtracting([0..<10, 100..<200]) == [10..<100])
        #expect(range.subtracting([20..<30, 30..<40, 90..<200]) == [10..<20, 40..<90])
        #expect(range.subtracting([0..<100]) == [])
    }
}
