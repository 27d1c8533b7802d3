import Glibc
import Host
import KVM
import Synchronization
import Testing

/// A virtual machine with one vCPU, a little memory at address 0, and a hand-written guest.
final class TinyGuest {
    /// Where its code begins.
    static let entry: UInt32 = 0x1000

    let system: KVMSystem
    let vm: KVMVirtualMachine
    let vcpu: KVMVCPU
    let memory: MemoryMapping

    /// Makes a guest that starts in real mode.
    ///
    /// - Parameters:
    ///   - hasIRQChip: whether KVM has its interrupt controllers.
    ///   - size: bytes of memory.
    init(_ code: [UInt8], hasIRQChip: Bool = false, size: UInt64 = 0x2_0000) throws {
        try Thread.installKickHandler()
        system = try KVMSystem()
        vm = try system.createVM()
        try vm.setTSSAddress(0xFFFB_D000)
        try vm.setIdentityMapAddress(0xFFFB_C000)
        if hasIRQChip {
            try vm.createIRQChip()
        }
        memory = try MemoryMapping(anonymous: size)
        try vm.setUserMemoryRegion(slot: 0, guestAddress: 0, size: size, hostAddress: memory.address)
        vcpu = try vm.createVCPU(id: 0)
        try vcpu.setCPUID(
            system.supportedCPUID().forGuest(
                vcpu: 0, in: ProcessorLayout(sockets: 1, cores: 1, threads: 1), hasDeadlineTimer: false))
        try vcpu.setRealMode(at: Self.entry)
        write(code, at: UInt64(Self.entry))
    }

    /// Puts bytes into the guest's memory.
    func write(_ bytes: [UInt8], at address: UInt64) {
        for (index, byte) in bytes.enumerated() {
            memory.base.storeBytes(of: byte, toByteOffset: Int(address) + index, as: UInt8.self)
        }
    }

    /// Bytes of the guest's memory.
    func read(_ count: Int, at address: UInt64) -> [UInt8] {
        (0..<count).map { memory.base.load(fromByteOffset: Int(address) + $0, as: UInt8.self) }
    }

    /// A run of the guest on a thread of its own, so that a guest that never leaves can't hold the test.
    final class Run {
        private final class Outcome: Sendable {
            let value = Mutex<Result<KVMExit, SystemCallError>?>(nil)
        }

        private let vcpu: KVMVCPU
        private let outcome = Outcome()
        private let done: EventDescriptor
        private let thread: Thread

        init(_ vcpu: KVMVCPU) throws {
            let (outcome, done) = (outcome, try EventDescriptor())
            (self.vcpu, self.done) = (vcpu, done)
            thread = try Thread(name: "test vcpu", kickable: true) {
                do throws(SystemCallError) {
                    let exit = try vcpu.run()
                    outcome.value.withLock { $0 = .success(exit) }
                } catch {
                    outcome.value.withLock { $0 = .failure(error) }
                }
                done.signal()
            }
        }

        /// Whether it ends within some time.
        func ends(withinMilliseconds limit: CInt) -> Bool {
            var wait = pollfd(fd: done.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
            return poll(&wait, 1, limit) == 1
        }

        /// Takes the vCPU out of the guest, as a machine does.
        func interrupt() {
            vcpu.requestExit()
            thread.kick()
        }

        /// Why the vCPU left the guest; a guest that is still there after a minute is taken out.
        func exit() throws -> KVMExit {
            let isTimely = ends(withinMilliseconds: 60_000)
            if !isTimely {
                interrupt()
            }
            thread.join()
            #expect(isTimely, "the guest did not leave")
            return try #require(outcome.value.withLock { $0 }).get()
        }
    }

    /// Enters the guest, and waits until it leaves.
    func run() throws -> KVMExit {
        try Run(vcpu).exit()
    }
}

extension MemoryMapping {
    /// Where the process has it.
    var address: UInt64 { UInt64(UInt(bitPattern: base)) }
}
