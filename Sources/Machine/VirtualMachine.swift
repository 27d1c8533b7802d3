import Configuration
import GuestMemory
import Host
import KVM
import LinuxBoot
import Synchronization
import VirtioMem

/// A virtual machine of KVM with its vCPUs, from one reset to the next: a new one is the only state that is surely
/// clean. It belongs to the event loop's thread.
final class VirtualMachine {
    let slots: KVMMemorySlots
    /// Where memory devices make theirs.
    private let deviceSlots: any MemorySlots
    private let vm: KVMVirtualMachine
    private let memory: GuestMemory
    /// What is to be loaded before the vCPUs run for the first time.
    private var pendingBoot: LinuxBoot?
    private var vcpus: [VCPUThread] = []
    private var threads: [Thread] = []

    /// Where Intel's processors keep pages of KVM's own: below the firmware's place, above all devices.
    private static let identityMapAddress: UInt64 = 0xFFFB_C000
    private static let tssAddress: UInt64 = 0xFFFB_D000
    /// IA32_MISC_ENABLE (Intel SDM volume 4): bit 0 enables fast strings.
    private static let miscEnable: UInt32 = 0x1A0

    /// Builds a virtual machine around the hardware; the vCPUs wait to be told to run. The kernel is loaded then, which
    /// takes longer than all of this: who only wants to look, or to be answered, does not wait for it.
    ///
    /// - Parameter report: called on vCPU threads.
    init(
        _ hardware: MachineHardware, boot: BootSource, report: @escaping @Sendable (VCPUThread.Report) -> Void
    ) throws(MachineError) {
        vm = try MachineError.calling(MachineError.host) { () throws(SystemCallError) in
            let vm = try hardware.system.createVM()
            try vm.setTSSAddress(Self.tssAddress)
            try vm.setIdentityMapAddress(Self.identityMapAddress)
            try vm.createIRQChip()
            if hardware.system.value(of: .exitOnEmulationFailure) > 0 {
                try vm.exitOnEmulationFailure()
            }
            // A memory slot that goes takes only its own page tables with it, and not those of all of the guest.
            let zapsAll = KVMVirtualMachine.slotZapAllQuirk
            if hardware.system.value(of: .disableQuirks) & zapsAll != 0 {
                try vm.disableQuirks(zapsAll)
            }
            return vm
        }
        memory = hardware.memory
        slots = KVMMemorySlots(vm: vm, limit: hardware.system.value(of: .memorySlots))
        deviceSlots =
            hardware.sharing.isShared ? SharedMemorySlots(slots, sharing: hardware.sharing) : slots
        try connectMemory(of: hardware)
        try MachineError.calling(MachineError.host) { () throws(SystemCallError) in
            try connectEvents(of: hardware)
        }
        let linux = LinuxBoot(booting: boot, on: hardware)
        try MachineError.calling(MachineError.boot) { () throws(BootError) in try linux.check() }
        pendingBoot = linux
        do throws(SystemCallError) {
            try makeVCPUs(hardware, report: report)
        } catch {
            // Those that run already would keep the virtual machine alive.
            destroy()
            throw .host(error)
        }
    }

    /// Loads the kernel, and puts the first vCPU to its entry, unless that is done.
    ///
    /// - Throws: `MachineError` for files that can't be read, or that the host has no memory for; trying again is safe.
    func prepare() throws(MachineError) {
        guard let boot = pendingBoot else { return }
        let entry = try MachineError.calling(MachineError.boot) { () throws(BootError) in
            try boot.load(into: memory)
        }
        // The others wait for it to start them.
        try MachineError.calling(MachineError.host) { () throws(SystemCallError) in
            try vcpus[0].vcpu.setSystemRegisters(SystemRegisters(entry))
            try vcpus[0].vcpu.setRegisters(Registers(entry))
        }
        pendingBoot = nil
    }

    /// Lets the vCPUs run, from where they are.
    func run() {
        for vcpu in vcpus {
            vcpu.run()
        }
    }

    /// Takes the vCPUs out of the guest, and waits until they are.
    func pause() {
        for (vcpu, thread) in zip(vcpus, threads) {
            vcpu.requestPause(of: thread)
        }
        for vcpu in vcpus {
            vcpu.waitUntilParked()
            vcpu.vcpu.notifyPaused()
        }
    }

    /// Numbers of the vCPUs' threads on the host.
    var threadIDs: [Int32] { threads.map(\.id) }

    /// What the guest does: a vCPU that runs is at work, or would if the host let it; others wait for an interrupt, or
    /// stand still.
    var activity: ResizeWatch.Guest {
        guard threads.contains(where: \.isAtWork) else { return .resting }
        return .atWork(processorTime: threads.reduce(0) { $0 + $1.processorTime })
    }

    /// One of the vCPUs, by its number.
    subscript(vcpu index: Int) -> VCPUThread { vcpus[index] }

    /// Has a parked vCPU's thread do something with it, and waits for that.
    ///
    /// - Returns: what it returned.
    func perform<Result: Sendable>(
        vcpu index: Int, _ task: @escaping @Sendable (KVMVCPU) throws(SystemCallError) -> Result
    ) throws(SystemCallError) -> Result {
        let outcome = Outcome<Result>()
        vcpus[index].perform(on: threads[index]) { vcpu in
            do throws(SystemCallError) {
                let result = try task(vcpu)
                outcome.value.withLock { $0 = .success(result) }
            } catch {
                outcome.value.withLock { $0 = .failure(error) }
            }
        }
        guard let result = outcome.value.withLock({ $0 }) else { preconditionFailure("not performed") }
        return try result.get()
    }

    private final class Outcome<Result: Sendable>: Sendable {
        let value = Mutex<Swift.Result<Result, SystemCallError>?>(nil)
    }

    /// Ends the vCPUs' threads. The virtual machine is gone when nobody has this object any more.
    func destroy() {
        pause()
        for vcpu in vcpus {
            vcpu.end()
        }
        for thread in threads {
            thread.join()
        }
        vcpus = []
        threads = []
    }

    private func connectMemory(of hardware: MachineHardware) throws(MachineError) {
        try MachineError.calling(MachineError.memorySlot) { () throws(MemorySlotError) in
            for region in hardware.bootMemory {
                _ = try slots.addSlot(in: region, offset: 0, size: region.size)
            }
        }
        for device in hardware.memoryDevices {
            device.connect(to: deviceSlots)
        }
    }

    private func connectEvents(of hardware: MachineHardware) throws(SystemCallError) {
        try hardware.serial.interrupt.connect(to: vm, gsi: Platform.serialInterrupt)
        try vm.assignInterrupt(hardware.powerButton, gsi: Platform.powerButtonInterrupt)
        for device in hardware.virtioDevices {
            try device.interrupt.connect(to: vm, gsi: device.window.interrupt)
            for (index, event) in device.queues.events.enumerated() {
                try vm.assignNotification(
                    event, address: device.window.address + device.notifyOffset, value: UInt32(index))
            }
        }
    }

    private func makeVCPUs(
        _ hardware: MachineHardware, report: @escaping @Sendable (VCPUThread.Report) -> Void
    ) throws(SystemCallError) {
        let topology = hardware.configuration.processors
        let layout = ProcessorLayout(sockets: topology.sockets, cores: topology.cores, threads: topology.threads)
        let hasDeadlineTimer = hardware.system.value(of: .tscDeadlineTimer) > 0
        for index in 0..<topology.count {
            let vcpu = try vm.createVCPU(id: layout.apicID(of: index))
            try vcpu.setCPUID(
                hardware.supportedCPUID.forGuest(vcpu: index, in: layout, hasDeadlineTimer: hasDeadlineTimer))
            // Memory type range registers stay off, as after a reset: KVM takes memory for write-back whatever they say,
            // and Linux, where it finds them on, writes them all anew with the caches off, which is 170 VM exits.
            //
            // Linux asks for each machine-check bank six times, KVM has 32, and the machine reports nothing by them.
            try? vcpu.setMachineCheckBanks(1)
            if !hardware.supportedCPUID.isAMD {
                // What firmware would have set: fast string operations.
                try? vcpu.setModelSpecificRegisters([(Self.miscEnable, 1)])
            }
            let runner = try VCPUThread(
                index: index, vcpu: vcpu, bus: hardware.bus, exits: hardware.exits[index], report: report)
            threads.append(try runner.start())
            vcpus.append(runner)
        }
    }
}
