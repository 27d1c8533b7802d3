/// A guest's access to unplugged memory.
public struct MemoryViolation: Sendable, Equatable {
    /// What the guest did.
    public enum Access: Sendable, Equatable {
        /// It read data there: the first so many bytes of it in unplugged memory, at that guest-physical address.
        case read(UInt64, size: Int)
        /// It wrote data there.
        case write(UInt64, size: Int)
        /// It was to execute an instruction from that guest-physical address.
        case execute(UInt64)
        /// It can't be told what the guest did; it was within that memory slot.
        case unknown(slot: Range<UInt64>)
    }

    /// The id of the memory device.
    public let device: String
    /// The number of the vCPU.
    public let vcpu: Int
    /// The instruction's RIP.
    public let instructionPointer: UInt64
    /// Whether KVM was done with the instruction before it told: `instructionPointer` is then that of the next one,
    /// or the same of an instruction that repeats.
    public let isBehind: Bool
    public let access: Access

    public init(device: String, vcpu: Int, instructionPointer: UInt64, isBehind: Bool = false, access: Access) {
        self.device = device
        self.vcpu = vcpu
        self.instructionPointer = instructionPointer
        self.isBehind = isBehind
        self.access = access
    }
}

extension MemoryViolation: CustomStringConvertible {
    public var description: String {
        let place =
            switch access {
            case .read(let address, let size): "reads \(size) bytes at guest-physical \(hexadecimal(address))"
            case .write(let address, let size): "writes \(size) bytes at guest-physical \(hexadecimal(address))"
            case .execute(let address): "executes at guest-physical \(hexadecimal(address))"
            case .unknown(let slot):
                "accesses guest-physical \(hexadecimal(slot.lowerBound)) to \(hexadecimal(slot.upperBound - 1))"
            }
        return "\(device): vCPU \(vcpu) \(place), unplugged memory, by the instruction "
            + "\(isBehind ? "before" : "at") \(hexadecimal(instructionPointer))"
    }
}

/// As `0x…`, lower case.
func hexadecimal(_ value: UInt64) -> String {
    "0x" + String(value, radix: 16)
}
