import Configuration
import Glibc
import Host
import Testing

@testable import Machine

/// Requests and what a guest does, at once.
@Suite(.needsKVM, .serialized) struct MachineRaceTests {
    private static let device = MemoryDevice(id: "vm0", size: .mebibytes(256), requestedSize: .mebibytes(128))

    /// Runs something on several threads for some time.
    private func hammer(
        _ machine: Machine, milliseconds: UInt64, _ bodies: [@Sendable (Machine) -> Void]
    ) throws {
        let end = MonotonicInstant.now().advanced(byMilliseconds: milliseconds)
        let threads = try bodies.map { body in
            try Thread(name: "hammer") { while MonotonicInstant.now() < end { body(machine) } }
        }
        #expect(
            try duration(limit: 20_000) { for thread in threads { thread.join() } } != nil, "everybody got an answer")
    }

    @Test func pausesAndResetsOfAGuestThatResetsItself() throws {
        let test = try TestMachine(
            GuestProgram { $0.reset() }, configuration: TestMachine.configuration(processors: 2))
        try hammer(
            test.machine, milliseconds: 600,
            [
                { try? $0.pause() }, { try? $0.resume() }, { _ = try? $0.state() },
                {
                    try? $0.reset()
                    usleep(3000)
                },
            ])
        // It still does what it is told.
        try test.machine.pause()
        #expect(try test.machine.state() == .paused)
        let count = test.events.count
        usleep(30_000)
        #expect(test.events.count == count, "a paused guest resets nothing")
        try test.machine.resume()
        let limit = MonotonicInstant.now().advanced(byMilliseconds: 5000)
        while test.events.count < count + 3, .now() < limit { usleep(1000) }
        #expect(test.events.count >= count + 3)
        #expect(test.events.allSatisfy { if case .reset = $0 { true } else { false } })
    }

    @Test func sizesAndSlotsOfAGuestThatPlugsAndResets() throws {
        let test = try TestMachine(
            GuestProgram { guest in
                guest.startMemoryDevice()
                guest.request(0, blocks: 1, number: 0)
                guest.request(1, blocks: 1, number: 1)
                guest.request(0, offset: 128 << 20, blocks: 1, number: 2)
                guest.request(2, number: 3)
                guest.reset()
            }, configuration: TestMachine.configuration(devices: [Self.device]), channel: .null)
        try test.machine.resume()
        try hammer(
            test.machine, milliseconds: 600,
            [
                { _ = try? $0.memoryDevices() }, { _ = try? $0.memorySlots() },
                { try? $0.setRequestedSize(256 << 20, of: "vm0") }, { try? $0.setRequestedSize(2 << 20, of: "vm0") },
                {
                    try? $0.pause()
                    try? $0.resume()
                },
            ])
        try test.machine.resume()
        #expect(test.events.contains(.memoryDeviceSizeChanged(id: "vm0", size: 2 << 20)))
        #expect(test.events.contains(.memoryDeviceSizeChanged(id: "vm0", size: 0)))
        #expect(test.events.contains { if case .reset = $0 { true } else { false } })
        for event in test.events {
            if case .guestFailed(let reason) = event { Issue.record("\(reason)") }
            if case .warning(let text) = event { Issue.record("\(text)") }
        }
    }

    /// A report that is on its way when the machine is paused belongs to the guest that is paused.
    @Test func aResetByTheGuestIsNotLostInAPause() throws {
        for _ in 0..<30 {
            let test = try TestMachine(
                GuestProgram { guest in
                    guest.print("a")
                    guest.waitForSerial(1)
                    guest.reset()
                    guest.print("!")
                    guest.halt()
                })
            try test.machine.resume()
            #expect(try test.output(1) == "a")
            try test.send([1])
            try test.machine.pause()
            try test.machine.resume()
            #expect(try test.output(2).hasPrefix("aa"), "it is reset, before or after the pause")
        }
    }

    @Test func aPowerOffIsNotLostInAPause() throws {
        for _ in 0..<30 {
            let test = try TestMachine(
                GuestProgram { guest in
                    guest.print("a")
                    guest.powerOff()
                    guest.spin()
                })
            try test.machine.resume()
            try? test.machine.pause()
            try? test.machine.resume()
            #expect(test.end() == .powerOff)
        }
    }

    @Test func stoppingWhileTheGuestEndsItself() throws {
        for round in 0..<20 {
            let test = try TestMachine(
                GuestProgram { guest in
                    guest.print("a")
                    if round % 2 == 0 { guest.powerOff() } else { guest.reset() }
                    guest.spin()
                }, configuration: TestMachine.configuration(processors: 2, onReboot: .exit))
            let machine = test.machine
            try machine.resume()
            _ = try test.output(1)
            #expect(try duration { machine.stop() } != nil)
            let end = machine.waitUntilEnded()
            #expect([.stopped, round % 2 == 0 ? .powerOff : .reboot].contains(end))
            #expect(test.events.count { if case .ended = $0 { true } else { false } } == 1)
        }
    }
}
