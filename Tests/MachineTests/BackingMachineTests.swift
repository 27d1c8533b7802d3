import Configuration
import Glibc
import Host
import SystemPackage
import Testing

@testable import Machine

/// Machines whose memory is made of something else than usual, with hand-written guests.
@Suite(.serialized, .needsKVM) struct BackingMachineTests {
    private let directory: FilePath

    init() throws {
        directory = FilePath("/var/tmp/swiftlet-backing-\(getpid())-\(UInt64.random(in: 0...(.max)))")
        try directory.createDirectories()
    }

    private func removeDirectory() {
        for name in (try? directory.directoryEntries()) ?? [] { try? directory.appending(name).removeFile() }
        rmdir(directory.string)
    }

    private func configuration(_ backend: MemoryBackend, boot: MemoryBackend) -> MachineConfiguration {
        var configuration = TestMachine.configuration(devices: [
            MemoryDevice(id: "vm0", size: .mebibytes(512), requestedSize: .mebibytes(128), backend: backend)
        ])
        configuration.memoryBackend = boot
        return configuration
    }

    /// Plugs, writes, reads and unplugs: all of it acknowledged.
    private static let program = GuestProgram { guest in
        guest.startMemoryDevice()
        guest.mapRegion()
        guest.request(0, blocks: 64, number: 0)
        guest.storeInRegion(0x41)
        guest.printFromRegion()
        guest.request(1, offset: 2 << 20, blocks: 63, number: 1)
        guest.halt()
    }

    private func expectThatItWorks(_ backend: MemoryBackend, boot: MemoryBackend) throws {
        let test = try TestMachine(Self.program, configuration: configuration(backend, boot: boot))
        try test.machine.resume()
        #expect(try test.output(3) == "0A0")
        #expect(try test.machine.memoryDevices()[0].pluggedSize == 2 << 20)
        // The kernel is loaded again into memory that was given back.
        try test.machine.reset()
        #expect(try test.output(6) == "0A00A0")
    }

    private static let backends: [MemoryBackend] = [
        MemoryBackend(.memfd), MemoryBackend(.memfd, isShared: false, transparentHugePages: false),
        MemoryBackend(.anonymous, prealloc: true, reserve: true), MemoryBackend(.memfd, prealloc: true),
        MemoryBackend(.anonymous, hostNodes: [0], policy: .preferred),
    ]

    @Test(arguments: backends) func memoryOfEveryKind(backend: MemoryBackend) throws {
        defer { removeDirectory() }
        try expectThatItWorks(backend, boot: backend)
    }

    @Test(.enabled(if: HugePagePool.isThere, "no huge pages here: sudo sysctl vm.nr_hugepages=80"))
    func memoryOfHugePages() throws {
        defer { removeDirectory() }
        let before = HugePagePool.free
        for isShared in [true, false] {
            let backend = MemoryBackend(.hugetlbfs, isShared: isShared)
            try expectThatItWorks(backend, boot: backend)
        }
        #expect(HugePagePool.free == before)
    }

    @Test func memoryInFiles() throws {
        defer { removeDirectory() }
        let file = directory.appending("vm0, memory")
        for (device, boot) in [(file, directory), (directory, file)] {
            try expectThatItWorks(
                MemoryBackend(.file, path: device.string), boot: MemoryBackend(.file, path: boot.string))
            #expect(try Stat(file).size == 0)
        }
        // By a descriptor that stays the test's.
        let opened = try MemoryFile.open(file)
        try expectThatItWorks(
            MemoryBackend(.file, path: file.string, descriptor: opened.rawValue), boot: MemoryBackend())
        #expect(fcntl(opened.rawValue, F_GETFD) >= 0)
    }

    /// Plugged blocks are the host's loss alone: what is unplugged leaves a hole.
    @Test func aFileHasOnlyWhatIsPlugged() throws {
        defer { removeDirectory() }
        let file = directory.appending("vm0")
        let backend = MemoryBackend(.file, path: file.string, prealloc: true)
        let test = try TestMachine(Self.program, configuration: configuration(backend, boot: MemoryBackend()))
        #expect(try Stat(file).size == 512 << 20)
        #expect(try Stat(file).blocksAllocated == 0)
        try test.machine.resume()
        #expect(try test.output(3) == "0A0")
        #expect(try Stat(file).blocksAllocated * 512 == 2 << 20)
        try test.machine.reset()
        test.machine.stop()
    }

    private func mistake(_ backend: MemoryBackend, boot: MemoryBackend = MemoryBackend()) -> String? {
        let error = #expect(throws: MachineError.self) {
            _ = try TestMachine(GuestProgram { $0.spin() }, configuration: configuration(backend, boot: boot))
        }
        return error?.description
    }

    @Test func whatCannotBeIsExplained() throws {
        defer { removeDirectory() }
        let data = directory.appending("data")
        let file = try OwnedFileDescriptor(opening: data, .writeOnly, options: .create)
        try file.descriptor.write(all: [1, 2, 3])
        #expect(
            mistake(MemoryBackend(.file, path: data.string))?.hasPrefix(
                "--virtio-mem vm0: path \(data): the file holds data, which would be lost: ") == true)
        #expect(try Stat(data).size == 3)
        #expect(
            mistake(MemoryBackend(), boot: MemoryBackend(.file, path: "/nonexistent/file"))
                == "--memory 2M: path /nonexistent/file: cannot be opened: No such file or directory")
        let nodes = HostNode.withMemory.map { "\($0)" }.joined(separator: ", ")
        #expect(
            mistake(MemoryBackend(hostNodes: [900]))
                == "--virtio-mem vm0: host-nodes 900: this host's nodes with memory are \(nodes)")
        #expect(
            mistake(MemoryBackend(.hugetlbfs, path: directory.string))?.contains("not on a hugetlbfs mount") == true)
    }

    /// A pool that can't give a page makes a plug wait, and nothing dies.
    @Test func anEmptyPoolIsBusy() throws {
        defer { removeDirectory() }
        var configuration = configuration(MemoryBackend(.hugetlbfs, prealloc: true), boot: MemoryBackend())
        let size = ((HugePagePool.free ?? 0) + 64) << 21
        configuration.memoryDevices[0].size = size
        configuration.memoryDevices[0].requestedSize = size
        let program = GuestProgram { guest in
            guest.startMemoryDevice()
            guest.request(0, blocks: UInt32(size >> 21), number: 0)
            guest.halt()
        }
        guard let test = try? TestMachine(program, configuration: configuration) else {
            // A kernel without huge pages.
            #expect(HugePagePool.free == nil)
            return
        }
        try test.machine.resume()
        #expect(try test.output(1) == "2")
        #expect(try test.machine.memoryDevices()[0].pluggedSize == 0)
        #expect(try test.machine.state() == .running)
    }

    // MARK: Errors of the host's memory

    /// Found by the kernel before anybody accessed it: an event, and the guest runs on.
    @Test func brokenMemoryIsTold() throws {
        defer { removeDirectory() }
        let backend = MemoryBackend(.file, path: directory.appending("ram").string)
        let test = try TestMachine(
            GuestProgram { $0.spin() }, configuration: configuration(MemoryBackend(), boot: backend))
        let base = try #require(mapping(of: directory.appending("ram").string))
        try test.machine.resume()
        reportBroken(base + 0x1000)
        // The same page again is no news, and other memory is not the machine's.
        reportBroken(base + 0x1008)
        reportBroken(0x1000)
        reportBroken(base + 0x1F_F123)
        test.waitForEvent { $0 == .hostMemoryError(region: "ram", address: 0x1F_F000) }
        #expect(
            test.events == [
                .hostMemoryError(region: "ram", address: 0x1000), .hostMemoryError(region: "ram", address: 0x1F_F000),
            ])
        #expect(try test.machine.state() == .running)
    }

    /// Breaks memory of the host for good, as far as it knows: only where that is an emulated one.
    @Test(.enabled(if: canPoison, "needs an emulated host, root and CONFIG_MEMORY_FAILURE"))
    func brokenMemoryUnderAGuestStopsIt() throws {
        defer { removeDirectory() }
        let program = GuestProgram { guest in
            guest.print("x")
            guest.loop { $0.load(0x18_0000) }
        }
        let test = try TestMachine(
            program, configuration: configuration(MemoryBackend(), boot: MemoryBackend(.memfd)))
        let base = try #require(mapping(of: "memfd:swiftlet-ram (deleted)"))
        try test.machine.resume()
        #expect(try test.output(1) == "x")
        let page = try #require(UnsafeMutableRawPointer(bitPattern: UInt(base + 0x18_0000)))
        // MADV_HWPOISON
        try #require(madvise(page, Int(hostPageSize), 100) == 0)
        test.waitForEvent { $0 == .hostMemoryError(region: "ram", address: 0x18_0000) }
        for round in 1...2 {
            test.waitForEvent { if case .guestFailed = $0 { true } else { false } }
            #expect(try test.machine.state() == .guestFailed)
            let reasons = test.events.compactMap { if case .guestFailed(let reason) = $0 { reason } else { nil } }
            #expect(reasons.count == round)
            #expect(
                reasons.last
                    == "it accessed memory that is broken in the host's hardware (ram at 0x180000); a reset takes"
                    + " fresh memory")
            guard round == 1 else { break }
            // It is still broken.
            try test.machine.resume()
            let limit = MonotonicInstant.now().advanced(byMilliseconds: TestMachine.patience)
            while try test.machine.state() == .running, .now() < limit { usleep(1000) }
        }
        try test.machine.reset()
        try test.machine.resume()
        #expect(try test.output(2) == "xx")
        usleep(100_000)
        #expect(try test.machine.state() == .running)
    }

    private static let canPoison =
        geteuid() == 0 && environmentVariable("KVM_HOST") != nil
        && access("/proc/sys/vm/memory_failure_recovery", F_OK) == 0

    /// Where this process has a file.
    private func mapping(of name: String) -> UInt64? {
        let line = KernelText.read("/proc/self/maps")?.split(separator: "\n").first { $0.hasSuffix(name) }
        return line.flatMap { UInt64($0.prefix { $0 != "-" }, radix: 16) }
    }

    /// What the kernel sends (BUS_MCEERR_AO), sent by this thread to itself, as a thread may.
    private func reportBroken(_ address: UInt64) {
        // Imported functions with a variable number of arguments can't be called: 186 is gettid, 297 rt_tgsigqueueinfo.
        typealias Call = @convention(c) (Int, Int, Int, Int, UnsafeMutableRawPointer) -> Int
        let call = unsafeBitCast(dlsym(nil, "syscall"), to: Call.self)
        var info = [UInt64](repeating: 0, count: 16)
        (info[0], info[1], info[2]) = (UInt64(SIGBUS), 5, address)
        let thread = call(186, 0, 0, 0, &info)
        #expect(call(297, Int(getpid()), thread, Int(SIGBUS), &info) == 0)
    }
}
