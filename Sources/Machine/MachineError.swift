import Configuration
import GuestMemory
import Host
import KVM
import LinuxBoot
import VirtioMem

/// Why a machine could not be built, or could not do what it was asked.
public enum MachineError: Error, Sendable, CustomStringConvertible {
    case configuration(ConfigurationError)
    case kvm(KVMError)
    case boot(BootError)
    case host(SystemCallError)
    case memorySlot(MemorySlotError)
    /// No memory device has that id.
    case noSuchDevice(String)
    /// The machine has no balloon.
    case noBalloon
    /// A requested size that the device can't have.
    case requestedSize(device: String, VirtioMemError)
    /// The machine has ended.
    case ended

    public var description: String {
        switch self {
        case .configuration(let error): error.description
        case .kvm(let error): error.description
        case .boot(let error): error.description
        case .host(let error): error.description
        case .memorySlot(let error): error.description
        case .noSuchDevice(let id): "no memory device is called \(id)"
        case .noBalloon: "the machine has no balloon; 'swiftlet run --balloon size=0' gives it one"
        case .requestedSize(let id, .unaligned(let requested, let blockSize)):
            "\(id): requested-size \(ByteSize(requested)) is not a multiple of the block size \(ByteSize(blockSize))"
        case .requestedSize(let id, .tooLarge(let requested, let region)):
            "\(id): requested-size \(ByteSize(requested)) is more than the size \(ByteSize(region)) of the device"
        case .requestedSize(let id, .unreadable(let error)):
            "\(id): the host can't make more of the device readable for a driver without UNPLUGGED_INACCESSIBLE: \(error)"
        case .ended: "the machine has ended"
        }
    }
}

extension MachineError {
    /// Runs calls of a layer below, and makes its errors a machine's.
    static func calling<Result, Failure: Error>(
        _ wrap: (Failure) -> MachineError, _ body: () throws(Failure) -> Result
    ) throws(MachineError) -> Result {
        do throws(Failure) {
            return try body()
        } catch {
            throw wrap(error)
        }
    }
}
