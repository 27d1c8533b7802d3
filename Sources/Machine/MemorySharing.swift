import GuestMemory
import Synchronization
import VhostUser

/// Which guest memory the back-ends of devices have, in other processes: boot memory, and of memory devices what is in
/// memory slots.
///
/// A back-end takes so many regions. A memory device's slots are given in windows, aligned pieces of a power of two, each
/// as long as it holds a live slot; the windows are as large as they have to be for all of them to be regions.
final class MemorySharing: Sendable {
    /// A memory device's region, cut into windows.
    private struct Device {
        let region: GuestMemoryRegion
        let file: VhostUserMemoryPart
        let windowSize: UInt64
        /// For each window, how many slots in it are live.
        var liveCounts: [Int]

        func part(_ window: Int) -> VhostUserMemoryPart {
            let offset = UInt64(window) * windowSize
            return VhostUserMemoryPart(
                guestAddress: file.guestAddress + offset, size: min(windowSize, file.size - offset), file: file.file,
                fileOffset: file.fileOffset + offset)
        }
    }

    private let backends: [VhostUserBackend]
    private let devices: Mutex<[Device]>

    /// Gives boot memory to the back-ends.
    ///
    /// - Parameter devices: the regions of memory devices, with bytes of their slots.
    /// - Throws: `VhostUserError` where a back-end can't have that much.
    init(
        _ backends: [VhostUserBackend], bootMemory: [GuestMemoryRegion],
        devices: [(region: GuestMemoryRegion, slotSize: UInt64)]
    ) throws(VhostUserError) {
        self.backends = backends
        guard !backends.isEmpty else {
            self.devices = Mutex([])
            return
        }
        let limit = backends.map(\.regionLimit).min() ?? 0
        let windowSize = try Self.windowSize(
            for: devices.map { ($0.region.size, $0.slotSize) }, limit: limit, bootRegions: bootMemory.count)
        var shared: [Device] = []
        for (region, slotSize) in devices {
            let size = max(windowSize, slotSize)
            shared.append(
                Device(
                    region: region, file: try Self.part(of: region), windowSize: size,
                    liveCounts: Array(repeating: 0, count: Int((region.size - 1) / size + 1))))
        }
        self.devices = Mutex(shared)
        for region in bootMemory {
            let part = try Self.part(of: region)
            for backend in backends {
                try backend.add(part)
            }
        }
    }

    /// Bytes of a window: the least power of two with which all windows are regions of a back-end.
    static func windowSize(
        for devices: [(size: UInt64, slotSize: UInt64)], limit: Int, bootRegions: Int
    ) throws(VhostUserError) -> UInt64 {
        let most = limit - bootRegions
        guard most >= devices.count else { throw .tooFewRegions(limit, needed: bootRegions + devices.count) }
        var size: UInt64 = 1 << 20
        while devices.reduce(0, { $0 + (($1.size - 1) / max(size, $1.slotSize) + 1) }) > UInt64(most) {
            size *= 2
        }
        return size
    }

    private static func part(of region: GuestMemoryRegion) throws(VhostUserError) -> VhostUserMemoryPart {
        guard let file = region.mapping.backing.sharedFile else {
            throw .lacks("access to the guest's memory, which is not shared")
        }
        return VhostUserMemoryPart(
            guestAddress: region.start.rawValue, size: region.size, file: file,
            fileOffset: region.mapping.backing.fileOffset)
    }

    /// Whether anybody has the memory.
    var isShared: Bool { !backends.isEmpty }

    /// Gives the back-ends what a new slot of a memory device is in.
    ///
    /// - Throws: `MemorySlotError.refused`; nothing has changed then.
    func add(_ region: GuestMemoryRegion, offset: UInt64) throws(MemorySlotError) {
        try devices.withLock { (devices) throws(MemorySlotError) in
            guard let index = devices.firstIndex(where: { $0.region === region }) else { return }
            let window = Int(offset / devices[index].windowSize)
            if devices[index].liveCounts[window] == 0 {
                try give(devices[index].part(window))
            }
            devices[index].liveCounts[window] += 1
        }
    }

    private func give(_ part: VhostUserMemoryPart) throws(MemorySlotError) {
        for (index, backend) in backends.enumerated() {
            do throws(VhostUserError) {
                try backend.add(part)
            } catch {
                backends[..<index].forEach { $0.remove(part) }
                throw .refused(error.description)
            }
        }
    }

    /// Takes from the back-ends what no slot is in any more.
    func remove(_ region: GuestMemoryRegion, offset: UInt64) {
        devices.withLock { devices in
            guard let index = devices.firstIndex(where: { $0.region === region }) else { return }
            let window = Int(offset / devices[index].windowSize)
            devices[index].liveCounts[window] -= 1
            if devices[index].liveCounts[window] == 0 {
                take(devices[index].part(window), of: region)
            }
        }
    }

    private func take(_ part: VhostUserMemoryPart, of region: GuestMemoryRegion) {
        backends.forEach { $0.remove(part) }
        // What a back-end has touched there since it was unplugged. Blocks are emptied before they are plugged, too.
        let offset = part.guestAddress - region.start.rawValue
        try? region.mapping.discard(offset..<offset + part.size)
    }

    /// Takes all of the memory devices' from the back-ends: the virtual machine with the slots is gone.
    func forgetSlots() {
        devices.withLock { devices in
            for index in devices.indices {
                for window in devices[index].liveCounts.indices where devices[index].liveCounts[window] > 0 {
                    devices[index].liveCounts[window] = 0
                    take(devices[index].part(window), of: devices[index].region)
                }
            }
        }
    }
}
