/// How a machine's vCPUs are arranged in sockets, cores and threads, and the APIC ids that follow from it.
///
/// Each level has a field of its own in the APIC id, as wide as its count needs (Intel SDM volume 3, 9.9.1), so ids
/// are not contiguous where a count is not a power of two.
public struct ProcessorLayout: Sendable, Equatable {
    public let sockets: Int
    /// In each socket.
    public let cores: Int
    /// In each core.
    public let threads: Int

    /// - Precondition: none is below 1.
    public init(sockets: Int, cores: Int, threads: Int) {
        precondition(sockets > 0 && cores > 0 && threads > 0, "an empty level")
        self.sockets = sockets
        self.cores = cores
        self.threads = threads
    }

    /// All vCPUs.
    public var count: Int { sockets * cores * threads }

    /// Bits of the APIC id that tell a core's threads apart.
    public var threadBits: UInt32 { Self.bits(threads) }

    /// Bits of the APIC id that tell all threads of a socket apart.
    public var socketBits: UInt32 { threadBits + Self.bits(cores) }

    /// The APIC id of a vCPU; they are numbered thread by thread, core by core, socket by socket.
    public func apicID(of vcpu: Int) -> UInt32 {
        let thread = vcpu % threads
        let core = vcpu / threads % cores
        let socket = vcpu / threads / cores
        return UInt32(socket) << socketBits | UInt32(core) << threadBits | UInt32(thread)
    }

    private static func bits(_ count: Int) -> UInt32 {
        UInt32(Int.bitWidth - (count - 1).leadingZeroBitCount)
    }
}
