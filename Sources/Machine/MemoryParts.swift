import GuestMemory
import Host
import Virtio
import VirtioMem

/// Boot memory, as what can be given back.
struct BootMemoryPart: ReclaimablePart {
    let memory: GuestMemoryRegion
    /// Whether it is to stay populated.
    let isKept: Bool

    func reclaim(_ range: Range<UInt64>) throws(SystemCallError) {
        if !isKept {
            try memory.discard(range)
        }
    }
}

/// A memory device's region, as what can be given back: its `ElasticRegion` knows what is plugged.
struct DeviceMemoryPart: ReclaimablePart {
    let memory: GuestMemoryRegion
    let transport: VirtioMMIOTransport<VirtioMemDevice>

    func reclaim(_ range: Range<UInt64>) throws(SystemCallError) {
        try transport.withDevice { (device) throws(SystemCallError) in try device.region.reclaim(range) }
    }
}
