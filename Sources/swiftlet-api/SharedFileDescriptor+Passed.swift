import CloudHypervisor
import Host

extension SharedFileDescriptor: PassedDescriptor {
    public var number: Int32 { rawValue }
}
