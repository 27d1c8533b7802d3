import Configuration
import Glibc
import GuestMemory
import Host
import SystemPackage
import Testing
import VirtioMem

@testable import Machine

/// A machine's memory devices, driven by a hand-written guest over the real thing: registers, notifications, slots.
@Suite(.needsKVM) struct MemoryDeviceTests {
    private static let mebibyte: UInt64 = 1 << 20
    private static let start: UInt64 = 4 << 30

    private func makeMachine(
        requestedSize: UInt64 = .mebibytes(128), unpluggedInaccessible: UnpluggedAccess = .on,
        retryInterval: UInt64 = MemoryDevice.defaultRetryInterval,
        resizeStall: UInt64 = MachineConfiguration.defaultResizeStall, _ build: (inout GuestProgram) -> Void
    ) throws -> TestMachine {
        let device = MemoryDevice(
            id: "vm0", size: .mebibytes(512), requestedSize: requestedSize,
            unpluggedInaccessible: unpluggedInaccessible, retryInterval: retryInterval)
        var configuration = TestMachine.configuration(devices: [device])
        configuration.resizeStall = resizeStall
        return try TestMachine(GuestProgram(build), configuration: configuration)
    }

    private func slots(_ test: TestMachine) throws -> [String] {
        try test.machine.memorySlots().map {
            "\($0.name) \($0.addresses.lowerBound >> 20)-\($0.addresses.upperBound >> 20)"
        }
    }

    private func sizes(_ test: TestMachine) -> [UInt64] {
        test.events.compactMap { if case .memoryDeviceSizeChanged("vm0", let size) = $0 { size >> 20 } else { nil } }
    }

    @Test func aDeviceIsDescribed() throws {
        let devices = [
            MemoryDevice(id: "a", size: .gibibytes(8), requestedSize: .gibibytes(3)),
            MemoryDevice(id: "b", size: .mebibytes(64), blockSize: .mebibytes(4)),
        ]
        let test = try TestMachine(
            GuestProgram { $0.spin() }, configuration: TestMachine.configuration(devices: devices))
        #expect(
            try test.machine.memoryDevices() == [
                MemoryDeviceStatus(
                    id: "a", address: 4 << 30, node: 0, requestedSize: 3 << 30, pluggedSize: 0, usableSize: 4 << 30,
                    regionSize: 8 << 30, blockSize: 2 << 20),
                MemoryDeviceStatus(
                    id: "b", address: 12 << 30, node: 0, requestedSize: 0, pluggedSize: 0, usableSize: 64 << 20,
                    regionSize: 64 << 20, blockSize: 4 << 20),
            ])
        #expect(try slots(test) == ["ram 0-2"])
    }

    @Test func aRequestedSizeThatCanNotBeIsExplained() throws {
        let test = try makeMachine { $0.spin() }
        for (size, id, text) in [
            (3 << 20, "vm0", "vm0: requested-size 3M is not a multiple of the block size 2M"),
            (1 << 30, "vm0", "vm0: requested-size 1G is more than the size 512M of the device"),
            (2 << 20, "vm9", "no memory device is called vm9"), (0, "", "no memory device is called "),
        ] as [(UInt64, String, String)] {
            let error = #expect(throws: MachineError.self) { try test.machine.setRequestedSize(size, of: id) }
            #expect(error?.description == text)
        }
        #expect(try test.machine.memoryDevices()[0].requestedSize == 128 << 20)
        try test.machine.setRequestedSize(512 << 20, of: "vm0")
        try test.machine.setRequestedSize(0, of: "vm0")
        #expect(try test.machine.memoryDevices()[0].requestedSize == 0)
    }

    @Test func aGuestPlugsWhatIsRequestedAndUsesIt() throws {
        let test = try makeMachine { guest in
            guest.startMemoryDevice()
            guest.mapRegion()
            guest.request(0, blocks: 64, number: 0)
            guest.storeInRegion(0x41)
            guest.printFromRegion()
            guest.request(0, offset: 128 << 20, blocks: 1, number: 1)
            guest.request(0, offset: 1, blocks: 1, number: 2)
            guest.halt()
        }
        try test.machine.resume()
        #expect(try test.output(4) == "0A13", "acknowledged, usable, enough, wrong")
        #expect(try test.machine.memoryDevices()[0].pluggedSize == 128 << 20)
        #expect(try slots(test) == ["ram 0-2", "vm0 4096-4224"])
        #expect(sizes(test) == [128])
        #expect(try test.machine.state() == .running)
    }

    @Test func whatIsUnpluggedIsOutOfReachAndItsSlotGoesWithinASecond() throws {
        let test = try makeMachine { guest in
            guest.startMemoryDevice()
            guest.mapRegion()
            guest.request(0, blocks: 64, number: 0)
            guest.storeInRegion(0x41)
            guest.request(1, blocks: 1, number: 1)
            guest.printFromRegion()
            guest.halt()
        }
        try test.machine.resume()
        #expect(try test.output(2).prefix(2) == "00")
        let event = test.waitForEvent { if case .violation = $0 { true } else { false } }
        guard case .violation(let violation) = event else { return }
        #expect(violation.device == "vm0" && violation.access == .read(Self.start, size: 1))
        #expect(try test.machine.state() == .violation)
        #expect(try test.machine.memoryDevices()[0].pluggedSize == 126 << 20)
        #expect(try slots(test) == ["ram 0-2", "vm0 4096-4224"], "the others are still there")
    }

    @Test func slotsWithoutABlockAreRemovedWithinASecond() throws {
        let test = try makeMachine { guest in
            guest.startMemoryDevice()
            guest.request(0, blocks: 63, number: 0)
            guest.request(0, offset: 256 << 20, blocks: 1, number: 1)
            guest.request(1, blocks: 63, number: 2)
            guest.halt()
        }
        try test.machine.resume()
        #expect(try test.output(3) == "000")
        #expect(try slots(test) == ["ram 0-2", "vm0 4096-4224", "vm0 4352-4480"])
        let limit = MonotonicInstant.now().advanced(byMilliseconds: 1000)
        while try slots(test).count > 2, .now() < limit { usleep(10_000) }
        #expect(try slots(test) == ["ram 0-2", "vm0 4352-4480"])
        #expect(sizes(test) == [126, 128, 2])
    }

    @Test func aGuestIsToldOfANewSizeAndRemindedAsLongAsItHasMore() throws {
        let test = try makeMachine { guest in
            guest.startMemoryDevice()
            guest.request(0, blocks: 64, number: 0)
            guest.loop { guest in
                guest.waitForConfigurationChange()
                guest.print("c")
            }
        }
        try test.machine.resume()
        #expect(try test.output(1) == "0")
        #expect(try test.output(2, withinMilliseconds: 50) == "0", "nothing has changed")
        try test.machine.setRequestedSize(256 << 20, of: "vm0")
        #expect(try test.output(2) == "0c")
        #expect(try test.output(3, withinMilliseconds: 1200) == "0c", "it may have as little as it likes")
        try test.machine.setRequestedSize(0, of: "vm0")
        #expect(try test.output(3, withinMilliseconds: 500) == "0cc")
        // The first of them after 50 ms, the next after twice that each; and as much processor time, as it never rests.
        #expect(try test.output(5, withinMilliseconds: 5000) == "0cccc")
        #expect(try test.machine.memoryDeviceDetails()[0].diagnosis.situation.reminders >= 2)
        #expect(try test.machine.memoryDeviceDetails()[0].diagnosis.situation.reminders <= 5)
    }

    @Test func anIntervalOfZeroIsNoReminder() throws {
        let test = try makeMachine(retryInterval: 0) { guest in
            guest.startMemoryDevice()
            guest.request(0, blocks: 64, number: 0)
            guest.loop { guest in
                guest.waitForConfigurationChange()
                guest.print("c")
            }
        }
        try test.machine.resume()
        #expect(try test.output(1) == "0")
        for output in ["0c", "0cc"] {
            try test.machine.setRequestedSize(0, of: "vm0")
            #expect(try test.output(output.count) == output, "setting the same size again is a reminder, too")
        }
        #expect(try test.output(4, withinMilliseconds: 500) == "0cc")
    }

    /// Once, and with words for whoever set the size.
    @Test func aResizeThatDoesNotGetOnIsExplained() throws {
        let test = try makeMachine(resizeStall: 300) { guest in
            guest.waitForSerial(1)
            guest.startMemoryDevice()
            guest.print("d")
            guest.waitForConfigurationChange()
            guest.request(0, blocks: 64, number: 0)
            guest.spin()
        }
        func stalls() -> [ResizeDiagnosis] {
            test.events.compactMap { if case .resizeStalled("vm0", let diagnosis) = $0 { diagnosis } else { nil } }
        }
        usleep(400_000)
        #expect(stalls().isEmpty, "a paused guest can't get on")
        try test.machine.resume()
        _ = test.waitForEvent { if case .resizeStalled = $0 { true } else { false } }
        #expect(stalls().map(\.causes) == [[.noDriver]])
        let explanation = try #require(stalls().first?.explanation)
        #expect(explanation.hasPrefix("0 of 128M are plugged, and nothing has moved for 0 s: no driver"))

        try test.send([1])
        #expect(try test.output(1) == "d")
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: 3_000)
        while stalls().count < 2, .now() < deadline { usleep(10_000) }
        usleep(400_000)
        #expect(stalls().count == 2, "once for each stall")
        try test.machine.setRequestedSize(.mebibytes(128), of: "vm0")
        #expect(try test.output(2) == "d0")
        // A busy host's guest may have needed long for that.
        let count = stalls().count
        usleep(400_000)
        #expect(stalls().count == count)
        #expect(try test.machine.memoryDeviceDetails()[0].diagnosis.causes == [])
    }

    @Test func aDriverThatMayReadUnpluggedMemoryReadsZeroesWhereItIsAccepted() throws {
        let test = try makeMachine(unpluggedInaccessible: .auto) { guest in
            guest.startMemoryDevice(features: 0)
            guest.mapRegion()
            guest.printFromRegion()
            guest.request(0, blocks: 1, number: 0)
            guest.storeInRegion(0x41)
            guest.printFromRegion()
            guest.request(1, blocks: 1, number: 1)
            guest.printFromRegion()
            guest.print("on")
            guest.halt()
        }
        try test.machine.resume()
        #expect(try test.outputBytes(7) == [0, 0x30, 0x41, 0x30, 0] + Array("on".utf8))
        let live = ["ram 0-2"] + [4096, 4224, 4352, 4480].map { "vm0 \($0)-\($0 + 128)" }
        #expect(try slots(test) == live, "what is readable has its slots")
    }

    @Test func aResetUnplugsEverythingAndKeepsTheRequest() throws {
        let test = try makeMachine { guest in
            guest.startMemoryDevice()
            guest.mapRegion()
            guest.request(0, blocks: 32, number: 0)
            guest.printFromRegion()
            guest.storeInRegion(0x41)
            guest.waitForSerial(1)
            guest.reset()
            guest.halt()
        }
        try test.machine.resume()
        for round in 1...3 {
            #expect(try test.outputBytes(2 * round).suffix(2) == [0x30, 0], "its memory is zero each time")
            #expect(try test.machine.memoryDevices()[0].pluggedSize == 64 << 20)
            #expect(try slots(test) == ["ram 0-2", "vm0 4096-4224"])
            if round < 3 { try test.send([1]) }
        }
        try test.machine.pause()
        try test.machine.reset()
        #expect(try test.machine.memoryDevices()[0].pluggedSize == 0)
        #expect(try test.machine.memoryDevices()[0].requestedSize == 128 << 20)
        #expect(try slots(test) == ["ram 0-2"])
        #expect(sizes(test) == [64, 0, 64, 0, 64, 0])
    }

    @Test func aDriverThatBreaksARuleIsReportedAndTheMachineLivesOn() throws {
        let test = try makeMachine { guest in
            guest.startMemoryDevice()
            guest.breakQueue()
            guest.print("on")
            guest.halt()
        }
        try test.machine.resume()
        let event = test.waitForEvent { if case .warning = $0 { true } else { false } }
        #expect(
            event
                == .warning(
                    "vm0: the guest's driver broke a rule, and its device needs a reset: available index 100 is more "
                        + "than the queue size 8 ahead of 0"))
        #expect(try test.output(2) == "on")
        #expect(try test.machine.state() == .running)
        try test.machine.setRequestedSize(0, of: "vm0")
    }

    /// Linux has one request under way; others may fill the queue.
    @Test func aFullQueueIsAnsweredInItsOrder() throws {
        let device = MemoryDevice(id: "vm0", size: .mebibytes(256), requestedSize: .mebibytes(128))
        let agent = try GuestAgent(.user, devices: [device], plugging: [])
        for round in 0..<50 {
            for (type, size) in [(0, 4 * 3 * GuestAgent.blockSize), (1, 0)] as [(UInt64, UInt64)] {
                #expect(try agent.tell(.fillQueue, type, GuestAgent.start, 3).value == 4, "round \(round)")
                #expect(try agent.machine.memoryDevices()[0].pluggedSize == size, "round \(round)")
            }
        }
        // The last two would be more than is requested.
        #expect(try agent.tell(.fillQueue, 0, GuestAgent.start, 32).value == 2)
        #expect(try agent.machine.memoryDevices()[0].pluggedSize == 128 << 20)
    }

    /// What is locked into memory the kernel does not discard.
    @Test func memoryThatTheHostDoesNotTakeBackIsReportedOnceAndOfferedAgain() throws {
        let device = MemoryDevice(id: "vm0", size: .mebibytes(256), requestedSize: .mebibytes(128))
        let agent = try GuestAgent(.user, devices: [device], plugging: [0..<2])
        let machine = agent.machine
        try agent.poke([1], at: GuestAgent.start)
        let address = try machine.call { core in
            core.hardware.memoryDevices[0].transport.withDevice { $0.region.memory.hostAddress }
        }
        let page = try #require(unsafe UnsafeRawPointer(bitPattern: UInt(address)))
        try #require(unsafe mlock(page, 4096) == 0)
        #expect(try agent.tell(.request, 1, GuestAgent.start, 2).value == 0, "unplugged all the same")
        let warning = MachineEvent.warning(
            "vm0: the host does not take unplugged memory back, which is tried again: madvise MADV_DONTNEED: Invalid "
                + "argument")
        agent.test.waitForEvent { $0 == warning }
        // Longer than from one try to the next.
        usleep(1_200_000)
        #expect(agent.test.events.count { $0 == warning } == 1)
        var details = try machine.memoryDeviceDetails()[0]
        #expect(details.status.pluggedSize == 0 && details.undiscardedSize == 2 * GuestAgent.blockSize)
        #expect(details.discardFailure == SystemCallError("madvise", .invalidArgument, subject: "MADV_DONTNEED"))

        try #require(unsafe munlock(page, 4096) == 0)
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: TestMachine.patience)
        repeat {
            usleep(10_000)
            details = try machine.memoryDeviceDetails()[0]
        } while details.undiscardedSize > 0 && .now() < deadline
        #expect(details.undiscardedSize == 0 && details.discardFailure == nil)
        try agent.expectContained()
        #expect(try agent.tell(.request, 0, GuestAgent.start, 1).value == 0)
        #expect(try agent.tell(.load, GuestAgent.start, 1).value == 0)
    }

    @Test func aDriverThatIsRefusedIsReportedWithWhatToDo() throws {
        let test = try makeMachine { guest in
            guest.startMemoryDevice(features: 0)
            guest.print("on")
            guest.halt()
        }
        try test.machine.resume()
        let event = test.waitForEvent { if case .warning = $0 { true } else { false } }
        #expect(
            event
                == .warning(
                    "vm0: the guest's driver is refused, since it does not promise to leave unplugged memory alone: Linux "
                        + "before 5.16 does not; use a newer kernel, or start with --virtio-mem "
                        + "...,unplugged-inaccessible=auto"))
        #expect(try test.output(2) == "on")
        let details = try test.machine.memoryDeviceDetails()[0]
        #expect(details.diagnosis.situation.driver == .refused(features: 1 << 32))
    }

    @Test func manyDevicesShareInterruptLines() throws {
        let devices = (0..<64).map { MemoryDevice(id: "m\($0)", size: .mebibytes(128)) }
        let test = try TestMachine(
            GuestProgram { guest in
                guest.print("x")
                guest.reset()
            }, configuration: TestMachine.configuration(devices: devices))
        try test.machine.resume()
        #expect(try test.output(2).prefix(2) == "xx")
        #expect(try test.machine.memoryDevices().count == 64)
    }
}
