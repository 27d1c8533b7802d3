import CLinux
import Host
import SystemPackage

/// `/dev/kvm`: what the host's KVM can do, and where virtual machines come from (kernel document virt/kvm/api).
public final class KVMSystem: Sendable {
    private let device: OwnedFileDescriptor

    /// Opens the device and checks its interface's version; capabilities are not checked yet.
    ///
    /// - Throws: `KVMError.device`, `KVMError.apiVersion`.
    public init(path: String = "/dev/kvm") throws(KVMError) {
        do {
            device = OwnedFileDescriptor(try FileDescriptor.open(FilePath(path), .readWrite, options: .closeOnExec))
        } catch {
            throw .device(path: path, error as? Errno ?? .ioError)
        }
        let version = cl_ioctl(device.rawValue, CL_KVM_GET_API_VERSION, 0)
        guard version >= 0 else { throw .device(path: path, Errno(rawValue: CInt(-version))) }
        guard version == Int(KVM_API_VERSION) else { throw .apiVersion(version) }
    }

    /// The value of a capability: 0 where it is missing, else 1 or a number with a meaning of its own (section 4.4).
    public func value(of capability: KVMCapability) -> Int {
        max(0, cl_ioctl(device.rawValue, CL_KVM_CHECK_EXTENSION, UInt(capability.number)))
    }

    /// Checks that all of the capabilities are there.
    ///
    /// - Throws: `KVMError.missingCapability` with the first that is not.
    public func require(_ capabilities: [KVMCapability]) throws(KVMError) {
        for capability in capabilities where value(of: capability) == 0 {
            throw .missingCapability(capability.name)
        }
    }

    /// The CPUID leaves that this host and its KVM can give to a guest (section 4.46).
    ///
    /// To be asked before a vCPU gets its leaves: some kernels prepare features (XSAVE areas) when asked.
    public func supportedCPUID() throws(SystemCallError) -> CPUID {
        var table = cl_cpuid()
        table.nent = UInt32(CL_CPUID_ENTRIES)
        let result = unsafe withUnsafeMutablePointer(to: &table) { pointer in
            cl_ioctl(device.rawValue, CL_KVM_GET_SUPPORTED_CPUID, UInt(bitPattern: pointer))
        }
        guard result >= 0 else {
            throw SystemCallError("KVM_GET_SUPPORTED_CPUID", Errno(rawValue: CInt(-result)))
        }
        return CPUID(table).naming(brand: (0x8000_0002...0x8000_0004).map { CPUID.Entry(cl_host_cpuid($0)) })
    }

    /// Makes an empty virtual machine (section 4.2).
    public func createVM() throws(SystemCallError) -> KVMVirtualMachine {
        // A signal makes the call fail, and it may then be made again.
        var result = -Int(EINTR)
        while result == -Int(EINTR) {
            result = cl_ioctl(device.rawValue, CL_KVM_CREATE_VM, 0)
        }
        let vm = try OwnedFileDescriptor(result: result, of: "KVM_CREATE_VM")
        let runSize = cl_ioctl(device.rawValue, CL_KVM_GET_VCPU_MMAP_SIZE, 0)
        guard runSize >= 0 else {
            throw SystemCallError("KVM_GET_VCPU_MMAP_SIZE", Errno(rawValue: CInt(-runSize)))
        }
        return KVMVirtualMachine(vm, runSize: runSize)
    }
}
