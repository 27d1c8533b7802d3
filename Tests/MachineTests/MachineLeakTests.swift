import Configuration
import Glibc
import Host
import KernelLayout
import SystemPackage
import Testing

@testable import Machine

/// Machines come and go in one process. Each test counts in a process of its own.
@Suite(.needsKVM) struct MachineLeakTests {
    /// What a process has: descriptors, threads and mappings.
    private struct Holdings {
        let descriptors: Int
        let threads: Int
        let mappings: Int

        init() throws {
            descriptors = try FilePath("/proc/self/fd").directoryEntries().count
            threads = try FilePath("/proc/self/task").directoryEntries().count
            let maps = try OwnedFileDescriptor(opening: "/proc/self/maps", .readOnly)
            var lines = 0
            while case .bytes(let bytes) = try ByteStream.read(maps.descriptor, limit: 1 << 16) {
                lines += bytes.count { $0 == 0x0A }
            }
            mappings = lines
        }
    }

    fileprivate static let program = GuestProgram { guest in
        guest.print("x")
        guest.reset()
    }

    fileprivate static func configuration() -> MachineConfiguration {
        TestMachine.configuration(
            processors: 2, devices: [MemoryDevice(id: "vm0", size: .mebibytes(256), requestedSize: .mebibytes(128))])
    }

    /// Does something once to warm up, and then again and again.
    private static func expectNoTraces(_ rounds: Int, _ body: () throws -> Void) throws {
        for _ in 0..<3 { try body() }
        usleep(200_000)
        let before = try Holdings()
        for _ in 0..<rounds { try body() }
        var after = try Holdings()
        // The last machines may still be on their way out.
        let limit = MonotonicInstant.now().advanced(byMilliseconds: 20_000)
        while after.descriptors > before.descriptors || after.threads > before.threads
            || after.mappings >= before.mappings + rounds, .now() < limit
        {
            usleep(10_000)
            after = try Holdings()
        }
        #expect(after.descriptors <= before.descriptors)
        #expect(after.threads <= before.threads)
        #expect(after.mappings < before.mappings + rounds)
    }

    @Test func machinesThatAreStoppedLeaveNothing() async {
        await #expect(processExitsWith: .success) {
            try MachineLeakTests.expectNoTraces(25) {
                let test = try TestMachine(MachineLeakTests.program, configuration: MachineLeakTests.configuration())
                try test.machine.resume()
                _ = try test.output(2)
                test.machine.stop()
            }
        }
    }

    /// Also while it lives: each reset makes a new virtual machine.
    @Test func resetsLeaveNothing() async {
        await #expect(processExitsWith: .success) {
            let test = try TestMachine(
                GuestProgram { $0.spin() }, configuration: MachineLeakTests.configuration())
            try test.machine.resume()
            try MachineLeakTests.expectNoTraces(25) { try test.machine.reset() }
        }
    }

    @Test func machinesThatNobodyHasAnyMoreLeaveNothing() async {
        await #expect(processExitsWith: .success) {
            let kernel = try TestMachine.makeKernel(MachineLeakTests.program.image)
            try Machine.installProcessHandlers()
            try MachineLeakTests.expectNoTraces(15) {
                let machine = try Machine(
                    MachineLeakTests.configuration(),
                    boot: TestMachine.boot(kernel.descriptor, size: MachineLeakTests.program.image.count))
                try machine.resume()
                _ = consume machine
                usleep(30_000)
            }
        }
    }

    @Test func machinesThatCanNotBeBuiltLeaveNothing() async {
        await #expect(processExitsWith: .success) {
            try Machine.installProcessHandlers()
            try MachineLeakTests.expectNoTraces(15) {
                let layout = KernelLayout(
                    entry: 0x100_0000,
                    segments: [.init(fileOffset: 0, fileSize: 1, address: 1 << 40, memorySize: 4096)])
                let boot = BootSource(kernel: FileDescriptor(rawValue: -1), layout: layout)
                #expect(throws: MachineError.self) { _ = try Machine(MachineLeakTests.configuration(), boot: boot) }
            }
        }
    }
}
