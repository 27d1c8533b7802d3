import Configuration
import Glibc
import Host
import SystemPackage
import Testing

@testable import Machine

/// How machines begin, run and end, with guests of a few instructions.
@Suite(.needsKVM) struct MachineLifeTests {
    // MARK: Ends

    @Test func aGuestThatSwitchesItselfOffEndsTheMachineBehindItsLastOutput() throws {
        let test = try TestMachine(
            GuestProgram { guest in
                guest.print("hello, world\n")
                guest.powerOff()
                guest.spin()
            })
        #expect(try test.machine.state() == .paused)
        #expect(try test.output(1, withinMilliseconds: 30) == "", "it waits to be told to run")
        try test.machine.resume()
        #expect(test.end() == .powerOff)
        #expect(try test.output(13) == "hello, world\n")
        #expect(test.events == [.ended(.powerOff)])
    }

    @Test func aRebootEndsTheMachineWhereItShall() throws {
        let configuration = TestMachine.configuration(onReboot: .exit)
        let test = try TestMachine(GuestProgram { $0.reset() }, configuration: configuration)
        try test.machine.resume()
        #expect(test.end() == .reboot)
        #expect(test.events == [.ended(.reboot)])
    }

    @Test func soDoesATripleFault() throws {
        let configuration = TestMachine.configuration(onReboot: .exit)
        let test = try TestMachine(GuestProgram { $0.tripleFault() }, configuration: configuration)
        try test.machine.resume()
        #expect(test.end() == .reboot)
    }

    @Test(arguments: ["spins", "halts", "resets", "writes", "has not begun"])
    func stopEndsItWhateverTheGuestDoes(activity: String) throws {
        let test = try TestMachine(
            GuestProgram { guest in
                guest.print("x")
                switch activity {
                case "spins": guest.spin()
                case "halts": guest.halt()
                case "resets": guest.reset()
                default: guest.loop { $0.print("xxxxxxxxxxxxxxxx") }
                }
            })
        if activity != "has not begun" {
            try test.machine.resume()
            #expect(try !test.output(1).isEmpty)
        }
        let machine = test.machine
        let taken = try #require(try duration { machine.stop() })
        #expect(taken < 2000)
        #expect(test.events.last == .ended(.stopped))
        machine.stop()
        #expect(machine.waitUntilEnded() == .stopped)
    }

    @Test func aMachineThatHasEndedSaysSo() throws {
        let configuration = TestMachine.configuration(devices: [MemoryDevice(id: "vm0", size: .mebibytes(128))])
        let test = try TestMachine(GuestProgram { $0.powerOff() }, configuration: configuration)
        let machine = test.machine
        try machine.resume()
        #expect(test.end() == .powerOff)
        let calls: [() throws -> Void] = [
            machine.resume, machine.pause, machine.reset, machine.pressPowerButton,
            { _ = try machine.state() }, { _ = try machine.memoryDevices() }, { _ = try machine.memorySlots() },
            { try machine.setRequestedSize(0, of: "vm0") },
        ]
        for call in calls {
            let error = #expect(throws: MachineError.self) { try call() }
            #expect(error?.description == "the machine has ended")
        }
        machine.stop()
        #expect(machine.waitUntilEnded() == .powerOff, "stopping changes nothing any more")
    }

    /// Calls of many threads while the machine ends: each is answered.
    @Test func everyCallIsAnsweredWhileTheMachineEnds() throws {
        for _ in 0..<5 {
            let test = try TestMachine(GuestProgram { $0.spin() })
            let machine = test.machine
            try machine.resume()
            let threads = try (0..<4).map { _ in
                try Thread(name: "caller") {
                    while (try? machine.state()) != nil {}
                }
            }
            let stoppers = try (0..<2).map { _ in try Thread(name: "stopper") { machine.stop() } }
            #expect(try duration { for thread in threads + stoppers { thread.join() } } != nil)
        }
    }

    // MARK: Resets

    @Test func aResetStartsTheGuestAnewOverCleanMemory() throws {
        // Writes the byte at 0x180000, which is '0' and what the run before left, and leaves a 1 there.
        let test = try TestMachine(
            GuestProgram { guest in
                guest.load(0x18_0000)
                guest.emit(0x04, 0x30)  // add al, '0'
                guest.printAL()
                guest.store(1, at: 0x18_0000)
                guest.reset()
                guest.print("!")
                guest.spin()
            })
        try test.machine.resume()
        #expect(try test.output(6).prefix(6) == "000000")
        #expect(test.events.filter { $0 == .reset(byGuest: true) }.count >= 5)
        test.machine.stop()
        #expect(test.end() == .stopped)
    }

    @Test func aTripleFaultIsAReset() throws {
        let test = try TestMachine(
            GuestProgram { guest in
                guest.print("t")
                guest.tripleFault()
            })
        try test.machine.resume()
        #expect(try test.output(3).prefix(3) == "ttt")
    }

    @Test func aResetOnRequestStartsARunningGuestAnew() throws {
        let test = try TestMachine(
            GuestProgram { guest in
                guest.print("a")
                guest.halt()
            })
        try test.machine.resume()
        for count in 1...4 {
            #expect(try test.output(count) == String(repeating: "a", count: count))
            try test.machine.reset()
            #expect(try test.machine.state() == .running)
        }
        #expect(test.events == [MachineEvent](repeating: .reset(byGuest: false), count: 4))
    }

    @Test func aResetOfAPausedMachineLeavesItPaused() throws {
        let test = try TestMachine(
            GuestProgram { guest in
                guest.print("a")
                guest.spin()
            })
        try test.machine.reset()
        #expect(try test.machine.state() == .paused)
        #expect(try test.output(1, withinMilliseconds: 30) == "")
        try test.machine.resume()
        #expect(try test.output(1) == "a")
        try test.machine.pause()
        try test.machine.reset()
        #expect(try test.machine.state() == .paused)
        #expect(try test.output(2, withinMilliseconds: 30) == "a")
        try test.machine.resume()
        #expect(try test.output(2) == "aa")
    }

    // MARK: Pauses

    @Test func aPausedGuestDoesNothingAndGoesOnWhereItWas() throws {
        let test = try TestMachine(
            GuestProgram { guest in
                guest.emit(0x31, 0xC9)  // xor ecx, ecx
                guest.loop { guest in
                    guest.waitForSerial(0x20)
                    guest.emit(0xFF, 0xC1, 0x88, 0xC8)  // inc ecx; mov al, cl
                    guest.printAL()
                }
            })
        try test.machine.resume()
        try test.machine.resume()
        #expect(try test.output(100).utf8.count >= 100)
        try test.machine.pause()
        try test.machine.pause()
        #expect(try test.machine.state() == .paused)
        // What was on its way may still arrive.
        usleep(20_000)
        let before = try test.outputBytes(.max, withinMilliseconds: 30)
        #expect(try test.outputBytes(.max, withinMilliseconds: 60) == before)
        try test.machine.resume()
        let after = try test.outputBytes(before.count + 100)
        #expect(after == (1...after.count).map { UInt8(truncatingIfNeeded: $0) }, "no byte twice, none lost")
        #expect(test.events == [])
    }

    @Test(arguments: [true, false])
    func haltedAndSpinningGuestsArePausedSoon(halts: Bool) throws {
        let test = try TestMachine(GuestProgram { halts ? $0.halt() : $0.spin() })
        let machine = test.machine
        for _ in 0..<20 {
            try machine.resume()
            let taken = try duration { try? machine.pause() }
            #expect(try #require(taken) < 1000)
            #expect(try machine.state() == .paused)
        }
    }

    // MARK: Guests that can't go on

    @Test func aGuestThatCanNotGoOnIsPausedAndExplained() throws {
        let test = try TestMachine(
            GuestProgram { guest in
                guest.print("f")
                guest.fail()
            })
        try test.machine.resume()
        let event = test.waitForEvent { if case .guestFailed = $0 { true } else { false } }
        guard case .guestFailed(let reason) = event else { return }
        #expect(reason.hasPrefix("vCPU 0: KVM internal error, suberror 1 (an instruction that KVM can't emulate)"))
        #expect(reason.contains("\nrip=00000000d0100000 "))
        #expect(try test.machine.state() == .guestFailed)
        #expect(try test.machine.memorySlots().count == 1, "it can be looked at")

        try test.machine.pause()
        #expect(try test.machine.state() == .guestFailed, "there is nothing to pause")
        try test.machine.reset()
        #expect(try test.output(2) == "ff", "a reset starts it again")
    }

    @Test func aGuestThatCanNotGoOnCanTryAgain() throws {
        let test = try TestMachine(GuestProgram { $0.fail() })
        func failures() -> Int { test.events.count { if case .guestFailed = $0 { true } else { false } } }
        for count in 1...3 {
            try test.machine.resume()
            let deadline = MonotonicInstant.now().advanced(byMilliseconds: 5000)
            while failures() < count, .now() < deadline { usleep(1000) }
            #expect(failures() == count)
            #expect(try test.machine.state() == .guestFailed)
        }
    }

    // MARK: Several vCPUs

    @Test func vcpusThatWaitToBeStartedAreNoObstacle() throws {
        let test = try TestMachine(
            GuestProgram { guest in
                guest.print("a")
                guest.spin()
            }, configuration: TestMachine.configuration(processors: 4))
        let machine = test.machine
        for count in 1...3 {
            try machine.resume()
            #expect(try test.output(count) == String(repeating: "a", count: count))
            #expect(try #require(try duration { try? machine.pause() }) < 1000)
            #expect(try #require(try duration { try? machine.reset() }) < 2000)
        }
        #expect(try #require(try duration { machine.stop() }) < 1000)
    }
}
