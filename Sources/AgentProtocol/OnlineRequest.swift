/// Memory that the kernel has been given is to be used.
public struct OnlineRequest: Sendable, Equatable {
    /// What Linux may use it for, as in `/sys/devices/system/memory/memoryN/state`.
    public enum Policy: UInt8, Sendable, CaseIterable {
        case online = 1
        case kernel = 2
        case movable = 3

        /// Linux's word for it.
        public var word: String {
            switch self {
            case .online: "online"
            case .kernel: "online_kernel"
            case .movable: "online_movable"
            }
        }
    }

    public var policy: Policy
    /// Of one node alone; nil for all.
    public var node: UInt32?
    /// Whether what comes later is treated likewise (`auto_online_blocks`).
    public var staysSo: Bool

    public init(_ policy: Policy, node: UInt32? = nil, staysSo: Bool = false) {
        self.policy = policy
        self.node = node
        self.staysSo = staysSo
    }
}
