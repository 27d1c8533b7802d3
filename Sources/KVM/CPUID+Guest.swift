/// What a guest's vCPU is told, made from what the host's KVM can give.
extension CPUID {
    /// The leaves for one vCPU: what KVM supports, with the machine's topology and the vCPU's APIC id.
    ///
    /// - Parameter hasDeadlineTimer: KVM reports the TSC deadline timer as a capability instead of a leaf's bit.
    public func forGuest(vcpu: Int, in layout: ProcessorLayout, hasDeadlineTimer: Bool) -> CPUID {
        var guest = self
        guest.addTopologyLeaf(layout)
        let apicID = layout.apicID(of: vcpu)
        let isAMD = isAMD
        for index in guest.entries.indices {
            guest.entries[index].adapt(
                apicID: apicID, layout: layout, isAMD: isAMD, hasDeadlineTimer: hasDeadlineTimer)
        }
        return guest
    }

    /// Gives leaf 0x0B its two levels and its end: the kernel reports it with whatever the host has. Leaf 0x1F, its
    /// successor, goes: it says the same where there are neither dies nor modules.
    private mutating func addTopologyLeaf(_ layout: ProcessorLayout) {
        entries.removeAll { [0x0B, 0x1F].contains($0.leaf) }
        guard let highest = entry(0)?.eax, highest >= 0x0B else { return }
        let levels: [(type: UInt32, shift: UInt32, count: Int)] = [
            (1, layout.threadBits, layout.threads), (2, layout.socketBits, layout.threads * layout.cores), (0, 0, 0),
        ]
        for (number, level) in levels.enumerated() {
            entries.append(
                Entry(
                    leaf: 0x0B, subleaf: UInt32(number), isIndexed: true, eax: level.shift, ebx: UInt32(level.count),
                    ecx: level.type << 8 | UInt32(number)))
        }
    }
}

extension CPUID.Entry {
    /// Puts the machine's topology and the vCPU's own identity into a leaf (Intel SDM volume 2A, CPUID; AMD APM
    /// volume 3, appendix E).
    fileprivate mutating func adapt(apicID: UInt32, layout: ProcessorLayout, isAMD: Bool, hasDeadlineTimer: Bool) {
        let threadsInSocket = layout.cores * layout.threads
        switch leaf {
        case 0x01:
            // The number of ids that a socket takes, and the id, both in 8 bits.
            let ids = min(1 << layout.socketBits, 255) as UInt32
            ebx = ebx & 0xFFFF | ids << 16 | (apicID & 0xFF) << 24
            edx.set(bit: 28, threadsInSocket > 1)  // HTT
            ecx.set(bit: 24, hasDeadlineTimer)
            ecx.set(bit: 31, true)  // a hypervisor is present
        case 0x04 where eax & 0x1F != 0:
            adaptCacheSharing(layout)
            // The number of ids that a socket's cores take, less one, in 6 bits.
            let coreIDs = UInt32(1) << (layout.socketBits - layout.threadBits)
            eax = eax & 0x03FF_FFFF | (min(coreIDs, 64) - 1) << 26
        case 0x0B:
            edx = apicID
        case 0x8000_0001 where isAMD:
            // CmpLegacy. Linux takes it for a processor without threads, so an Intel one must not have it.
            ecx.set(bit: 1, threadsInSocket > 1)
        case 0x8000_0008 where isAMD:
            ecx = ecx & 0xFFFF_0F00 | UInt32(min(threadsInSocket, 256) - 1) | layout.socketBits << 12
        case 0x8000_001D where eax & 0x1F != 0:
            adaptCacheSharing(layout)
        case 0x8000_001E:
            eax = apicID
            ebx = UInt32(layout.threads - 1) << 8 | apicID >> layout.threadBits & 0xFF
            ecx = apicID >> layout.socketBits & 0xFF
        default: break
        }
    }

    /// Who shares a cache: a core's threads the first two levels, all of a socket the third (EAX 7:5 is the level,
    /// 25:14 the number of ids that share it, less one).
    private mutating func adaptCacheSharing(_ layout: ProcessorLayout) {
        let level = eax >> 5 & 7
        let ids = UInt32(1) << (level < 3 ? layout.threadBits : layout.socketBits)
        eax = eax & 0xFC00_3FFF | min(ids - 1, 0xFFF) << 14
    }
}

extension UInt32 {
    fileprivate mutating func set(bit: UInt32, _ value: Bool) {
        self = value ? self | 1 << bit : self & ~(1 << bit)
    }
}
