import Configuration
import Host
import KernelLayout
import SystemPackage
import Testing

@testable import Machine

/// What keeps a machine from being built.
@Suite(.needsKVM) final class MachineStartTests {
    private func error(
        _ boot: BootSource, _ configuration: MachineConfiguration = TestMachine.configuration()
    ) throws -> String? {
        try Machine.installProcessHandlers()
        return #expect(throws: MachineError.self) { _ = try Machine(configuration, boot: boot) }?.description
    }

    /// What is found only when the kernel is loaded. The machine is as it was then.
    private func errorOfLoading(_ boot: BootSource) throws -> String? {
        try Machine.installProcessHandlers()
        let machine = try Machine(TestMachine.configuration(), boot: boot)
        let error = #expect(throws: MachineError.self) { try machine.resume() }
        #expect(throws: MachineError.self) { try machine.resume() }
        #expect(try machine.state() == .paused)
        machine.stop()
        return error?.description
    }

    private let kernel: OwnedFileDescriptor

    init() throws {
        kernel = try TestMachine.makeKernel([0xF4])
    }

    @Test func aKernelThatIsShorterThanItSays() throws {
        let layout = KernelLayout(
            entry: 0x10_0000,
            segments: [.init(fileOffset: 0, fileSize: 4096, address: 0x10_0000, memorySize: 4096)])
        let text = try #require(try errorOfLoading(BootSource(kernel: kernel.descriptor, layout: layout)))
        #expect(text.contains("kernel"), "\(text)")
    }

    /// Populating much memory takes long; whoever does not want to wait any longer is heard.
    @Test func aStartCanBeCalledOff() throws {
        var configuration = TestMachine.configuration()
        configuration.memory = .mebibytes(256)
        configuration.memoryBackend = MemoryBackend(.anonymous, transparentHugePages: false, prealloc: true)
        try Machine.installProcessHandlers()
        let boot = TestMachine.boot(kernel.descriptor, size: 1)
        let error = #expect(throws: MachineError.self) {
            _ = try Machine(configuration, boot: boot, isCancelled: { true })
        }
        #expect(error?.description == MachineError.ended.description)
    }

    @Test func aKernelBeyondTheMemory() throws {
        let layout = KernelLayout(
            entry: 0x100_0000, segments: [.init(fileOffset: 0, fileSize: 1, address: 0x100_0000, memorySize: 4096)])
        let text = try #require(try error(BootSource(kernel: kernel.descriptor, layout: layout)))
        #expect(text.contains("memory"), "\(text)")
    }

    @Test func aKernelThatIsNotOpen() throws {
        let boot = TestMachine.boot(FileDescriptor(rawValue: -1), size: 1)
        let text = try #require(try errorOfLoading(boot))
        #expect(text.contains("Bad file descriptor"), "\(text)")
    }

    @Test func aConfigurationThatCanNotBe() throws {
        let boot = TestMachine.boot(kernel.descriptor, size: 1)
        var configuration = TestMachine.configuration()
        configuration.memory = 0
        #expect(try error(boot, configuration) == "--memory 0: a machine needs memory to boot, in multiples of 1M")
        configuration = TestMachine.configuration(devices: [MemoryDevice(id: "vm0", size: 1 << 52)])
        let text = try #require(try error(boot, configuration))
        #expect(text.hasPrefix("--virtio-mem vm0: size 4096T is too large: the region would begin at 4G, and the "))
    }

    @Test func aKernelThatIsGoneAtAReset() throws {
        let test = try TestMachine(GuestProgram { $0.spin() })
        try test.machine.resume()
        try test.truncateKernel()
        let error = #expect(throws: MachineError.self) { try test.machine.reset() }
        #expect(error?.description == "the machine has ended")
        guard case .failed(let reason) = test.end() else {
            Issue.record("it did not fail")
            return
        }
        #expect(reason.hasPrefix("reset: ") && reason.contains("kernel"), "\(reason)")
    }

    /// A host that has no KVM, or does not let this user have it.
    @Test func errorsOfTheHostReadAsTheyAre() {
        let error = MachineError.kvm(.device(path: "/dev/kvm", .permissionDenied))
        #expect(error.description.hasPrefix("/dev/kvm: permission denied. Add yourself to its group"))
        #expect(
            MachineError.host(SystemCallError("KVM_CREATE_VM", .noMemory)).description
                == "KVM_CREATE_VM: Cannot allocate memory")
        #expect(MachineError.memorySlot(.exhausted(limit: 5)).description == "all 5 memory slots are taken")
    }
}
