import Configuration
import Host
import KVM
import Testing

@testable import Machine

/// A machine with a region of 16 TiB is as quick as one with 1 GiB, where little of either is plugged.
@Suite(.needsKVM, .serialized) struct LargeRegionTests {
    private static var canAddressIt: Bool {
        (try? KVMSystem().supportedCPUID().physicalAddressBits) ?? 0 >= 45
    }

    /// Milliseconds of each step.
    private struct Times {
        var making: UInt64 = 0
        var plugging: UInt64 = 0
        var asking: UInt64 = 0
        var resetting: UInt64 = 0
    }

    private func time(_ body: () throws -> Void) rethrows -> UInt64 {
        let begun = MonotonicInstant.now()
        try body()
        return begun.milliseconds(until: .now())
    }

    private func times(ofRegion size: UInt64) throws -> Times {
        var times = Times()
        let program = GuestProgram { guest in
            guest.startMemoryDevice()
            guest.waitForSerial(1)
            guest.request(0, blocks: 8, number: 0)
            guest.request(1, blocks: 1, number: 1)
            guest.halt()
        }
        let device = MemoryDevice(id: "vm0", size: size, requestedSize: .mebibytes(16))
        var machine: TestMachine?
        times.making = try time {
            machine = try TestMachine(program, configuration: TestMachine.configuration(devices: [device]))
        }
        let test = try #require(machine)
        try test.machine.resume()
        times.plugging = try time {
            try test.send([1])
            let output = try test.output(2)
            #expect(output == "00")
        }
        times.asking = try time {
            let device = try test.machine.memoryDevices()[0]
            #expect(device.pluggedSize == 14 << 20)
            let slots = try test.machine.memorySlots()
            #expect(slots.count == 2)
        }
        try test.machine.pause()
        times.resetting = try time { try test.machine.reset() }
        #expect(try test.machine.memoryDevices()[0].pluggedSize == 0)
        return times
    }

    @Test(.enabled(if: canAddressIt, "this host's processors address less than 32 TiB"))
    func sixteenTebibytesAreAsQuickAsOneGibibyte() throws {
        let small = try times(ofRegion: .gibibytes(1))
        let large = try times(ofRegion: .gibibytes(16 << 10))
        // What a user would notice.
        #expect(large.making < small.making + 200, "\(small) \(large)")
        #expect(large.plugging < small.plugging + 200, "\(small) \(large)")
        #expect(large.asking < small.asking + 200, "\(small) \(large)")
        #expect(large.resetting < small.resetting + 200, "\(small) \(large)")
    }
}
