import Configuration

/// A VM as a client describes it (`VmConfig` of `cloud-hypervisor.yaml`), as far as there is something here for it.
public struct VMConfig: Sendable, Equatable {
    /// `CpusConfig`.
    struct Processors: Sendable, Equatable {
        var boot = 1
        /// Told back to the client; none can be added.
        var maximum = 1
        var topology: ProcessorTopology?
    }

    /// `PayloadConfig`.
    struct Payload: Sendable, Equatable {
        var kernel: String
        var initramfs: String?
        var commandLine: String?
    }

    /// `NumaConfig`.
    struct Node: Sendable, Equatable {
        var id: UInt32
        var processors: [Int]
        /// Identifiers of memory zones.
        var zones: [String]
    }

    var processors = Processors()
    var memory = VMMemory()
    var payload: Payload
    /// Where the serial port leads.
    var serial = VMConsole(mode: .null)
    /// Where the virtio console leads; without one, its mode is `Off`.
    var console = VMConsole(mode: .off)
    var nodes: [Node] = []
    var entropy = VMEntropy()
    var disks: [Disk] = []
    var networks: [VMNetwork] = []
    var fileSystems: [FileSystem] = []
    var vsock: VMVsock?
    var balloon: Balloon?
    /// What was accepted and has no effect, a line for the log each.
    public internal(set) var notes: [String] = []

    /// The files that it is booted from, by the fields that name them: they have to be there when it is created.
    public var files: [(field: String, path: String)] {
        [("payload.kernel", payload.kernel)] + (payload.initramfs.map { [("payload.initramfs", $0)] } ?? [])
    }
}
