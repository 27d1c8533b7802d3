import CLinux
import Host
import SystemPackage

/// A vCPU of KVM (kernel document virt/kvm/api). One thread runs it; others may only ask it to leave the guest.
@safe public final class KVMVCPU: @unchecked Sendable {
    // Sendable: the pointer never changes. `run` and what depends on it are the running thread's; other threads
    // write only `immediate_exit`, one byte, which is made for that.

    /// Its APIC id.
    public let id: UInt32
    private let vcpu: OwnedFileDescriptor
    private let shared: UnsafeMutablePointer<kvm_run>
    private let sharedSize: Int

    init(_ vcpu: consuming OwnedFileDescriptor, id: UInt32, runSize: Int) throws(SystemCallError) {
        var error: CInt = 0
        guard
            let mapped = unsafe cl_mmap(nil, runSize, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu.rawValue, 0, &error)
        else {
            throw SystemCallError("mmap", Errno(rawValue: -error), subject: "of vCPU \(id)")
        }
        unsafe shared = mapped.assumingMemoryBound(to: kvm_run.self)
        sharedSize = runSize
        self.id = id
        self.vcpu = vcpu
    }

    deinit {
        _ = unsafe cl_munmap(shared, sharedSize)
    }

    /// Runs the guest until it needs the VMM or `requestExit()` was called (section 4.10). Data of a read must have
    /// been stored before the call that follows it.
    ///
    /// - Throws: `SystemCallError` for failures that are not the guest's.
    public func run() throws(SystemCallError) -> KVMExit {
        let result = cl_ioctl(vcpu.rawValue, CL_KVM_RUN, 0)
        switch result {
        case 0...: return exit
        case -Int(EINTR), -Int(EAGAIN): return .interrupted
        case -Int(EFAULT): return .memoryFault
        default: throw SystemCallError("KVM_RUN", Errno(rawValue: CInt(-result)), subject: "of vCPU \(id)")
        }
    }

    /// Makes `run()` return `interrupted`, now and each time until `clearExitRequest()`. May be called by any thread,
    /// which then kicks the vCPU's thread: it may be in the guest.
    public func requestExit() {
        unsafe _ = cl_guarded_store_u8(&shared.pointee.immediate_exit, 1)
    }

    /// Lets `run()` enter the guest again.
    public func clearExitRequest() {
        unsafe _ = cl_guarded_store_u8(&shared.pointee.immediate_exit, 0)
    }

    /// The data of element `index` of a port exit, little-endian: what the guest writes, or what it shall read.
    public subscript(portData index: Int) -> UInt32 {
        get {
            guard let (pointer, size) = unsafe portElement(index) else { return 0 }
            var value: UInt32 = 0
            for byte in 0..<size {
                unsafe value |= UInt32(pointer[byte]) << UInt32(8 * byte)
            }
            return value
        }
        set {
            guard let (pointer, size) = unsafe portElement(index) else { return }
            for byte in 0..<size {
                unsafe pointer[byte] = UInt8(truncatingIfNeeded: newValue >> UInt32(8 * byte))
            }
        }
    }

    /// The data of a memory-mapped I/O exit, little-endian: what the guest writes, or what it shall read.
    public var mmioData: UInt64 {
        get {
            var value: UInt64 = 0
            unsafe withUnsafeBytes(of: shared.pointee.mmio.data) { bytes in
                for index in unsafe 0..<min(8, Int(shared.pointee.mmio.len)) {
                    unsafe value |= UInt64(bytes[index]) << UInt64(8 * index)
                }
            }
            return value
        }
        set {
            unsafe withUnsafeMutableBytes(of: &shared.pointee.mmio.data) { bytes in
                for index in 0..<8 {
                    unsafe bytes[index] = UInt8(truncatingIfNeeded: newValue >> UInt64(8 * index))
                }
            }
        }
    }

    private func portElement(_ index: Int) -> (UnsafeMutablePointer<UInt8>, Int)? {
        let io = unsafe shared.pointee.io
        let size = Int(io.size)
        let offset = Int(io.data_offset) + index * size
        guard index >= 0, index < Int(io.count), size <= 4, offset + size <= sharedSize else { return nil }
        return unsafe (UnsafeMutableRawPointer(shared).assumingMemoryBound(to: UInt8.self) + offset, size)
    }

    private var exit: KVMExit {
        let run = unsafe shared
        switch unsafe CInt(run.pointee.exit_reason) {
        case KVM_EXIT_IO:
            let io = unsafe run.pointee.io
            return .port(
                io.port, size: Int(io.size), count: Int(io.count), isWrite: CInt(io.direction) == KVM_EXIT_IO_OUT)
        case KVM_EXIT_MMIO:
            let mmio = unsafe run.pointee.mmio
            return .mmio(mmio.phys_addr, size: Int(mmio.len), isWrite: mmio.is_write != 0)
        case KVM_EXIT_INTR: return .interrupted
        case KVM_EXIT_HLT: return .halt
        case KVM_EXIT_SHUTDOWN: return .shutdown
        case KVM_EXIT_SYSTEM_EVENT: return unsafe .systemEvent(run.pointee.system_event.type)
        case KVM_EXIT_DEBUG: return unsafe .stepped(run.pointee.debug.arch.pc)
        case KVM_EXIT_FAIL_ENTRY:
            return unsafe .entryFailed(reason: run.pointee.fail_entry.hardware_entry_failure_reason)
        case KVM_EXIT_INTERNAL_ERROR:
            let internalError = unsafe run.pointee.`internal`
            let data = unsafe withUnsafeBytes(of: internalError.data) { unsafe Array($0.bindMemory(to: UInt64.self)) }
            return .internalError(
                suberror: internalError.suberror, data: Array(data.prefix(Int(min(internalError.ndata, 16)))))
        case let reason: return .other(reason: UInt32(bitPattern: reason))
        }
    }

    func rawCall(_ request: UInt, _ argument: UInt) -> Int {
        cl_ioctl(vcpu.rawValue, request, argument)
    }

    func call<Argument>(_ name: String, _ request: UInt, _ argument: inout Argument) throws(SystemCallError) {
        let result = unsafe withUnsafeMutablePointer(to: &argument) { pointer in
            rawCall(request, UInt(bitPattern: pointer))
        }
        if result < 0 {
            throw SystemCallError(name, Errno(rawValue: CInt(-result)), subject: "of vCPU \(id)")
        }
    }
}
