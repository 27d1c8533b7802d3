/// How many vCPUs a machine has and how the guest sees them arranged.
public struct ProcessorTopology: Sendable, Equatable, ExpressibleByIntegerLiteral {
    /// vCPUs in all.
    public var count: Int
    public var sockets: Int
    /// Cores in each socket.
    public var cores: Int
    /// Threads in each core.
    public var threads: Int

    /// The most vCPUs that a machine can have: xAPIC identifiers have eight bits, and 255 addresses all of them.
    public static let maximumCount = 255

    /// What is left out follows from the rest: cores first, then sockets, then threads take up the vCPUs that the
    /// others leave, so that four vCPUs alone are one socket with four cores.
    public init(count: Int, sockets: Int? = nil, cores: Int? = nil, threads: Int? = nil) {
        self.count = count
        func rest(_ first: Int?, _ second: Int?) -> Int {
            let (product, overflow) = (first ?? 1).multipliedReportingOverflow(by: second ?? 1)
            return overflow || product <= 0 ? 1 : max(count / product, 1)
        }
        switch (sockets, cores, threads) {
        case (_, nil, _):
            (self.sockets, self.cores, self.threads) = (sockets ?? 1, rest(sockets, threads), threads ?? 1)
        case (nil, let cores?, _):
            (self.sockets, self.cores, self.threads) = (rest(cores, threads), cores, threads ?? 1)
        case (let sockets?, let cores?, _):
            (self.sockets, self.cores, self.threads) = (sockets, cores, threads ?? rest(sockets, cores))
        }
    }

    public init(integerLiteral count: Int) {
        self.init(count: count)
    }

    /// The local APIC identifier of a vCPU: thread, core and socket number in bit fields that are just wide enough,
    /// as processors derive their topology from it (Intel SDM volume 3, 10.9.1).
    ///
    /// - Parameter processor: index of the vCPU, from 0; threads of a core follow each other.
    /// - Precondition: the topology is a valid one.
    public func apicIdentifier(of processor: Int) -> UInt32 {
        let thread = processor % threads
        let core = processor / threads % cores
        let socket = processor / threads / cores
        return UInt32(socket << (threadBits + coreBits) | core << threadBits | thread)
    }

    /// Bits of an APIC identifier that number the threads of a core.
    private var threadBits: Int { Self.bits(for: threads) }
    /// Bits of an APIC identifier that number the cores of a socket.
    private var coreBits: Int { Self.bits(for: cores) }

    private static func bits(for count: Int) -> Int {
        count <= 1 ? 0 : Int.bitWidth - (count - 1).leadingZeroBitCount
    }

    func check() throws(ConfigurationError) {
        let option = "--cpus \(optionText)"
        guard count > 0, count <= Self.maximumCount else {
            throw ConfigurationError(option, "a machine has 1 to \(Self.maximumCount) processors")
        }
        for (name, value) in [("sockets", sockets), ("cores", cores), ("threads", threads)]
        where !(1...Self.maximumCount).contains(value) {
            throw ConfigurationError(option, "\(name) \(value) is not between 1 and \(Self.maximumCount)")
        }
        // Three factors of at most 255 each can't overflow.
        guard sockets * cores * threads == count else {
            throw ConfigurationError(
                option, "sockets times cores times threads is \(sockets * cores * threads), not \(count)")
        }
        guard apicIdentifier(of: count - 1) < 255 else {
            throw ConfigurationError(
                option,
                "this arrangement needs APIC identifiers up to \(apicIdentifier(of: count - 1)), and 254 is the"
                    + " highest: give cores and threads as powers of two, or fewer sockets")
        }
    }
}
