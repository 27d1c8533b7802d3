/// Why a vCPU left the guest (kernel document virt/kvm/api, section 5, `exit_reason`).
public enum KVMExit: Sendable, Equatable {
    /// The guest reads from (`in`) or writes to (`out`) an I/O port, `count` times `size` bytes. The data are the
    /// vCPU's `portData`.
    case port(UInt16, size: Int, count: Int, isWrite: Bool)
    /// The guest accesses guest-physical memory that no slot backs. The data are the vCPU's `mmioData`.
    case mmio(UInt64, size: Int, isWrite: Bool)
    /// Somebody asked the vCPU to leave, or a signal arrived.
    case interrupted
    /// The processor stopped on a triple fault.
    case shutdown
    /// The guest halted; only where KVM has no interrupt controller.
    case halt
    /// The guest asked for something by way of KVM.
    case systemEvent(UInt32)
    /// The memory behind an access can't be reached by the host (EFAULT): inaccessible, or its backing is gone.
    case memoryFault
    /// KVM can't go on: an instruction that it can't emulate, or an event that it can't deliver.
    case internalError(suberror: UInt32, data: [UInt64])
    /// The processor refuses the vCPU's state.
    case entryFailed(reason: UInt64)
    /// The guest is to be looked at before the instruction at a linear address: see `startStepping`.
    case stepped(UInt64)
    /// A reason that nothing here has asked for.
    case other(reason: UInt32)
}

extension KVMExit: CustomStringConvertible {
    public var description: String {
        switch self {
        case .port(let port, let size, let count, let isWrite):
            "\(isWrite ? "write to" : "read of") port \(hex(UInt64(port))), \(count) times \(size) bytes"
        case .mmio(let address, let size, let isWrite):
            "\(isWrite ? "write to" : "read of") \(hex(address)), \(size) bytes"
        case .interrupted: "interrupted"
        case .shutdown: "triple fault"
        case .halt: "halt"
        case .systemEvent(let type): "system event \(type)"
        case .memoryFault: "access to guest memory that the host can't reach"
        case .internalError(let suberror, let data):
            "KVM internal error, suberror \(suberror)"
                + (suberror == 1 ? " (an instruction that KVM can't emulate)" : "")
                + (data.isEmpty ? "" : ", data " + data.map(hex).joined(separator: " "))
        case .entryFailed(let reason): "the processor refused the vCPU's state, hardware reason \(hex(reason))"
        case .stepped(let address): "stepped to \(hex(address))"
        case .other(let reason): "exit reason \(reason)"
        }
    }
}

/// As `0x…`, lower case.
func hex(_ value: UInt64) -> String {
    "0x" + String(value, radix: 16)
}
