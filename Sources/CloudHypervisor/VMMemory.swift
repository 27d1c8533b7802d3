import Configuration

/// A VM's memory (`MemoryConfig` of `cloud-hypervisor.yaml`).
struct VMMemory: Sendable, Equatable {
    /// Memory with a device by which it can grow (`MemoryZoneConfig`).
    struct Zone: Sendable, Equatable {
        var id: String
        /// Bytes that are there from the start.
        var size: UInt64
        /// The most bytes that can be added; nil where nothing was said.
        var hotplugSize: UInt64?
        /// Bytes that the guest is asked to have of those.
        var hotpluggedSize: UInt64 = 0
        var backing = Backing()
        /// The path of the object that describes it.
        var field: String

        /// The most bytes that its device can plug: whole blocks. 0 for no device.
        var deviceSize: UInt64 {
            let hotplugSize = hotplugSize ?? 0
            return hotplugSize - hotplugSize % blockSize
        }

        var blockSize: UInt64 { max(MemoryDevice.defaultBlockSize, backing.backend.pageSize) }
    }

    /// What it is made of on the host.
    struct Backing: Sendable, Equatable {
        var isShared = false
        var hasHugePages = false
        /// nil for 2 MiB.
        var hugePageSize: UInt64?
        var prefault = false
        var reserve = false
        var transparentHugePages = true
        var file: String?
        /// The host's NUMA node that it comes from.
        var hostNode: UInt32?

        var backend: MemoryBackend {
            let kind: MemoryBackend.Kind =
                if hasHugePages { .hugetlbfs } else if file != nil { .file } else { isShared ? .memfd : .anonymous }
            return MemoryBackend(
                kind, path: file, isShared: isShared,
                hugePageSize: hasHugePages ? hugePageSize.flatMap { MemoryBackend.HugePageSize(rawValue: $0) } : nil,
                // Where pages are huge anyway, it does not matter.
                transparentHugePages: hasHugePages || transparentHugePages ? nil : false,
                // Huge pages that are not populated are a trap: see MemoryBackend.
                prealloc: prefault ? true : nil, reserve: reserve, hostNodes: hostNode.map { [$0] } ?? [])
        }
    }

    /// The zones; without any in the configuration, one that is all memory.
    var zones = [Zone(id: defaultZone, size: MachineConfiguration.defaultMemory, field: "memory")]
    /// Whether the client described the zones.
    var hasZones = false

    /// The identifier of memory that has no zones, and so of its device.
    static let defaultZone = "mem0"

    /// Bytes that are there from the start.
    var bootSize: UInt64 { zones.reduce(0) { $0 + $1.size } }
}
