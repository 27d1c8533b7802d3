import CLinux
import Glibc
@testable import Host
import SystemPackage
import Testing

/// Memory errors of the hardware. Each test runs in a process of its own.
@Suite struct HostMemoryErrorTests {
    /// Sends this thread what the kernel sends about a page.
    fileprivate static func report(_ code: CInt, _ address: UInt64) {
        // si_signo, si_errno, si_code, padding, si_addr (siginfo_t as the kernel has it).
        var info = [UInt64](repeating: 0, count: 16)
        info[0] = UInt64(SIGBUS)
        info[1] = UInt64(UInt32(bitPattern: code))
        info[2] = address
        // Imported functions with a variable number of arguments can't be called.
        typealias Call = @convention(c) (Int, Int, Int, Int, UnsafeMutableRawPointer) -> Int
        let call = unsafeBitCast(dlsym(nil, "syscall"), to: Call.self)
        let thread = call(gettid, 0, 0, 0, &info)
        precondition(call(rtTgsigqueueinfo, Int(getpid()), thread, Int(SIGBUS), &info) == 0)
    }

    fileprivate static let byAccess: CInt = 4
    fileprivate static let found: CInt = 5
    private static let (rtTgsigqueueinfo, gettid) = (297, 186)

    @Test func anErrorThatNobodyAccessedIsNoted() async {
        await #expect(processExitsWith: .success) {
            precondition(cl_install_fault_handlers() == 0)
            var reader = HostMemoryError.Reader()
            HostMemoryErrorTests.report(HostMemoryErrorTests.found, 0x1234_5000)
            precondition(reader.read() == HostMemoryError(address: 0x1234_5000, isByAccess: false))
            precondition(reader.read() == nil && HostMemoryError.takeOwnAddress() == nil)
        }
    }

    @Test func anErrorInASystemCallIsTheThreads() async {
        await #expect(processExitsWith: .success) {
            precondition(cl_install_fault_handlers() == 0)
            var reader = HostMemoryError.Reader()
            HostMemoryErrorTests.report(HostMemoryErrorTests.byAccess, 0x1234_5000)
            precondition(HostMemoryError.takeOwnAddress() == 0x1234_5000)
            precondition(HostMemoryError.takeOwnAddress() == nil)
            precondition(reader.read() == HostMemoryError(address: 0x1234_5000, isByAccess: true))
        }
    }

    @Test func everybodyWhoWaitsIsWokenEachTime() async {
        await #expect(processExitsWith: .success) {
            precondition(cl_install_fault_handlers() == 0)
            let loops = [try EventLoop(), try EventLoop()]
            var wakes = [0, 0]
            for (index, loop) in loops.enumerated() {
                _ = try loop.add(HostMemoryError.watch(), .moreReadable) { _ in
                    wakes[index] += 1
                    loop.stop()
                }
            }
            for round in 1...3 {
                HostMemoryErrorTests.report(HostMemoryErrorTests.found, 0x1000)
                for loop in loops { try loop.run() }
                precondition(wakes == [round, round])
            }
        }
    }

    @Test func ofManyErrorsTheLastAreKnown() async {
        await #expect(processExitsWith: .success) {
            precondition(cl_install_fault_handlers() == 0)
            var reader = HostMemoryError.Reader()
            for number in 0..<100 as Range<UInt64> {
                HostMemoryErrorTests.report(HostMemoryErrorTests.found, number << 12)
            }
            for number in 36..<100 as Range<UInt64> {
                precondition(reader.read()?.address == number << 12)
            }
            precondition(reader.read() == nil)
        }
    }

    /// Breaks memory of the host for good, as far as it knows: only where that is an emulated one.
    @Test(.enabled(if: canPoison, "needs an emulated host, root and CONFIG_MEMORY_FAILURE"))
    func brokenMemoryIsAnErrorOfTheAccess() async {
        await #expect(processExitsWith: .success) {
            precondition(cl_install_fault_handlers() == 0)
            _ = try HostMemoryError.watch()
            var reader = HostMemoryError.Reader()
            let mapping = try MemoryMapping(4 * hostPageSize, MemoryBacking(transparentHugePages: false))
            for page in 0..<4 as Range<UInt64> { try mapping.touch(page * hostPageSize) }
            let broken = UInt64(UInt(bitPattern: mapping.base)) + hostPageSize
            precondition(madvise(mapping.base + Int(hostPageSize), Int(hostPageSize), 100) == 0)
            // To the thread that breaks it, the kernel says that it was an access.
            precondition(reader.read()?.address == broken && HostMemoryError.takeOwnAddress() == broken)
            precondition((try? mapping.touch(hostPageSize)) == nil)
            precondition(reader.read()?.isByAccess == true)
            try mapping.touch(0)
            // Giving it back gets another page.
            try mapping.discard(hostPageSize..<2 * hostPageSize)
            try mapping.touch(hostPageSize)
        }
    }

    fileprivate static let canPoison =
        geteuid() == 0 && environmentVariable("KVM_HOST") != nil
        && access("/proc/sys/vm/memory_failure_recovery", F_OK) == 0
}
