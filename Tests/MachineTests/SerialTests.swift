import Configuration
import Glibc
import Host
import SystemPackage
import Testing

@testable import Machine

/// The serial port between a guest and what it is connected to.
@Suite(.needsKVM) struct SerialTests {
    /// Writes back what it reads, until a 'q'. What arrives before its '>' is lost: it clears the FIFOs.
    private static let echo = GuestProgram { guest in
        guest.out(0x3FA, 7)  // with the FIFOs, or it would be told of every single byte
        guest.print(">")
        guest.loop { guest in
            guest.waitForSerial(1)
            guest.emit(0xBA, 0xF8, 0x03, 0x00, 0x00, 0xEC)  // mov edx, 0x3F8; in al, dx
            guest.emit(0xEE)  // out dx, al
            // cmp al, 'q'; jne over the power switch
            guest.emit(0x3C, 0x71, 0x75, 0x08)
            guest.powerOff()
        }
    }

    /// Writes 'count' times 1000 bytes of a pattern, whenever there is room, and switches itself off.
    private static func writer(_ count: UInt32) -> GuestProgram {
        var program = GuestProgram { guest in
            guest.emit(0xB9)  // mov ecx, count
            for shift in [0, 8, 16, 24] as [UInt32] { guest.emit(UInt8(truncatingIfNeeded: count >> shift)) }
            let again = guest.code.count
            guest.waitForSerial(0x20)
            guest.emit(0x89, 0xCF)  // mov edi, ecx
            guest.emit(0xBE, 0x00, 0x10, 0x10, 0x00)  // mov esi, data
            guest.emit(0xB9, 0xE8, 0x03, 0x00, 0x00)  // mov ecx, 1000
            guest.emit(0xBA, 0xF8, 0x03, 0x00, 0x00, 0xF3, 0x6E)  // mov edx, 0x3F8; rep outsb
            guest.emit(0x89, 0xF9, 0xFF, 0xC9)  // mov ecx, edi; dec ecx
            guest.emit(0x75)
            guest.emit(UInt8(truncatingIfNeeded: again - guest.code.count - 1))
            guest.powerOff()
        }
        program.data = pattern
        return program
    }

    private static let pattern = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }

    @Test func inputReachesTheGuestAndOutputComesBack() throws {
        let test = try TestMachine(Self.echo)
        try test.machine.resume()
        #expect(try test.output(1) == ">")
        for round in 1...20 {
            try test.send(Array("abcdefghij".utf8))
            #expect(try test.output(10 * round + 1).suffix(10) == "abcdefghij")
        }
        try test.send(Array("q".utf8))
        #expect(test.end() == .powerOff)
    }

    @Test(.needsSpeed) func inputThatWaitsIsNotLost() throws {
        let test = try TestMachine(Self.echo)
        let text = (0..<3000).map { UInt8(97 + $0 % 16) }
        try test.machine.resume()
        #expect(try test.output(1) == ">")
        try test.machine.pause()
        try test.send(text)
        try test.machine.resume()
        let isIntact = try test.outputBytes(3001).dropFirst() == text[...]
        #expect(isIntact)
    }

    /// Whoever writes a few commands and goes away expects them to arrive.
    @Test(.needsSpeed) func inputOfAWriterThatIsGoneIsNotLost() throws {
        let (ours, theirs) = try makeByteChannel()
        defer { try? theirs.close() }
        let test = try TestMachine(Self.echo, channel: .stream(theirs))
        let text = (0..<5999).map { UInt8(97 + $0 % 16) } + Array("q".utf8)
        try test.machine.resume()
        while try ByteStream.read(ours) == .wouldBlock { usleep(500) }
        try ours.write(all: text[...])
        try ours.close()
        #expect(test.end() == .powerOff, "the last byte arrived")
    }

    /// A stream whose other end is gone is reported as ready for ever, but there is nothing to do.
    @Test func aWriterThatIsGoneKeepsNobodyBusy() async {
        await #expect(processExitsWith: .success) {
            let (ours, theirs) = try makeByteChannel()
            let test = try TestMachine(GuestProgram { $0.halt() }, channel: .stream(theirs))
            try ours.write(all: [UInt8](repeating: 97, count: 6000)[...])
            try ours.close()
            try test.machine.resume()
            usleep(50_000)
            let before = clock()
            usleep(300_000)
            #expect(clock() - before < 100_000, "microseconds of processor time")
        }
    }

    @Test(.needsSpeed) func aSlowReaderGetsEverything() throws {
        let test = try TestMachine(Self.writer(80))
        try test.machine.resume()
        usleep(200_000)
        #expect(test.events == [], "the guest waits for its reader")
        let output = try test.outputBytes(80_000)
        #expect(output.count == 80_000)
        let isIntact = output.enumerated().allSatisfy { $1 == Self.pattern[$0 % 1000] }
        #expect(isIntact)
        #expect(test.end() == .powerOff)
    }

    /// A reader that has said that it will write no more still reads.
    @Test(.needsSpeed) func aReaderThatWritesNoMoreGetsEverything() throws {
        let (ours, theirs) = try makeByteChannel()
        defer { for end in [ours, theirs] { try? end.close() } }
        TestMachine.limitBuffer(of: theirs)
        shutdown(ours.rawValue, CInt(SHUT_WR))
        let test = try TestMachine(Self.writer(70), channel: .stream(theirs))
        try test.machine.resume()
        usleep(100_000)
        var count = 0
        let limit = MonotonicInstant.now().advanced(byMilliseconds: TestMachine.patience)
        while count < 70_000, .now() < limit {
            if case .bytes(let bytes) = try ByteStream.read(ours, limit: 1 << 16) {
                count += bytes.count
            } else {
                usleep(500)
            }
        }
        #expect(count == 70_000)
        #expect(test.end() == .powerOff)
    }

    @Test(.needsSpeed) func aReaderThatIsGoneDoesNotHoldTheGuest() throws {
        let (ours, theirs) = try makeByteChannel()
        defer { try? theirs.close() }
        let test = try TestMachine(Self.writer(10), channel: .stream(theirs))
        try ours.close()
        try test.machine.resume()
        #expect(test.end() == .powerOff)
    }

    @Test(.needsSpeed) func nothingIsNobody() throws {
        let test = try TestMachine(Self.writer(10), channel: .null)
        try test.machine.resume()
        #expect(test.end() == .powerOff)
    }

    // MARK: Files

    @Test(.needsSpeed) func aFileGetsEverything() throws {
        let file = try OwnedFileDescriptor(memoryFile: "output")
        let test = try TestMachine(Self.writer(20), channel: .file(file.descriptor, name: "output"))
        try test.machine.resume()
        #expect(test.end() == .powerOff)
        let output = try file.descriptor.bytes(count: 400_000, at: 0)
        let isIntact = output.enumerated().allSatisfy { $1 == Self.pattern[$0 % 1000] }
        #expect(isIntact && output.count == 20_000)
    }

    @Test(.needsSpeed) func aFullDiskIsReportedAndTheGuestWaits() throws {
        let file = try OwnedFileDescriptor(opening: "/dev/full", .writeOnly)
        let test = try TestMachine(Self.writer(60), channel: .file(file.descriptor, name: "console.log"))
        try test.machine.resume()
        let event = test.waitForEvent { if case .warning = $0 { true } else { false } }
        #expect(
            event
                == .warning(
                    "--serial file:console.log: No space left on device; the guest's output waits until it can be "
                        + "written"))
        usleep(450_000)
        #expect(test.events.count == 1, "it is said once")
        let machine = test.machine
        #expect(try #require(try duration { machine.stop() }) < 2000)
    }

    // MARK: Pseudo-terminals

    @Test func aPseudoTerminalWorksWhileSomebodyHasItOpen() throws {
        let terminal = try PseudoTerminal()
        let test = try TestMachine(Self.echo, channel: .pseudoTerminal(terminal.master.descriptor))
        try test.machine.resume()
        for _ in 0..<2 {
            let end = try OwnedFileDescriptor(
                opening: FilePath(terminal.path), .readWrite, options: [.nonBlocking, .init(rawValue: O_NOCTTY)])
            // That somebody opened it is noticed within a moment; until then, the echo is lost.
            var received: [UInt8] = []
            for _ in 0..<10 where received.isEmpty {
                usleep(300_000)
                try end.descriptor.write(all: Array("hello".utf8)[...])
                received = try read(5, from: end.descriptor, withinMilliseconds: 1_000)
            }
            #expect(String(decoding: received, as: UTF8.self) == "hello")
        }
    }

    private func read(_ count: Int, from file: FileDescriptor, withinMilliseconds time: UInt64) throws -> [UInt8] {
        var received: [UInt8] = []
        let limit = MonotonicInstant.now().advanced(byMilliseconds: time)
        while received.count < count, .now() < limit {
            if case .bytes(let bytes) = try ByteStream.read(file, limit: count - received.count) {
                received += bytes
            } else {
                usleep(500)
            }
        }
        return received
    }

    @Test(.needsSpeed) func aPseudoTerminalThatNobodyHasOpenDoesNotHoldTheGuest() throws {
        let terminal = try PseudoTerminal()
        let test = try TestMachine(Self.writer(20), channel: .pseudoTerminal(terminal.master.descriptor))
        try test.machine.resume()
        #expect(test.end() == .powerOff)
    }
}
