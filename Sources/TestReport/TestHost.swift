/// Where guests ran.
public struct TestHost: Sendable, Equatable {
    /// Whether it was a host that was itself emulated: times there are comparable only with each other.
    public var isEmulated: Bool
    /// The host kernel's release, as of uname(2).
    public var kernel: String
    /// The processor's name, as in /proc/cpuinfo.
    public var processor: String

    public init(isEmulated: Bool, kernel: String, processor: String) {
        self.isEmulated = isEmulated
        self.kernel = kernel
        self.processor = processor
    }
}
