/// A machine's memory at a time. Sizes are in bytes.
public struct MemorySample: Sendable, Equatable {
    /// A memory device's.
    public struct Device: Sendable, Equatable {
        public var requested: UInt64
        public var plugged: UInt64
        public var usable: UInt64

        public init(requested: UInt64, plugged: UInt64, usable: UInt64) {
            self.requested = requested
            self.plugged = plugged
            self.usable = usable
        }
    }

    /// Milliseconds since the case's beginning.
    public var at: UInt64
    /// In the order of the case's devices; empty where the machine did not answer.
    public var devices: [Device]
    /// The guest's MemTotal and MemFree; nil where the guest was not asked, or did not answer.
    public var guestTotal: UInt64?
    public var guestFree: UInt64?
    /// What the machine's process has in the host's memory.
    public var resident: UInt64?

    public init(
        at: UInt64, devices: [Device] = [], guestTotal: UInt64? = nil, guestFree: UInt64? = nil, resident: UInt64? = nil
    ) {
        self.at = at
        self.devices = devices
        self.guestTotal = guestTotal
        self.guestFree = guestFree
        self.resident = resident
    }
}
