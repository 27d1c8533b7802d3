import SystemPackage

/// How much memory the process can still take without the kernel killing somebody for it.
public enum MemoryRoom {
    /// What is left to page tables, and to charges that each processor holds in advance.
    private static let reserve: UInt64 = 16 << 20

    /// Bytes that memory cgroups and the host have left, with a reserve taken away; what one of them does not say does
    /// not limit.
    ///
    /// - Parameter nodes: the host's nodes that the memory must come from; nil for any.
    public static func available(nodes: [UInt32]? = nil) -> UInt64 {
        var room = UInt64.max
        for group in ControlGroup.limited() {
            room = min(room, group.room)
        }
        if let text = KernelText.read("/proc/meminfo"), let free = KernelText.value(of: "MemAvailable:", in: text) {
            room = min(room, free)
        }
        if let nodes {
            let rooms = nodes.compactMap { HostNode(number: $0)?.available }
            if rooms.count == nodes.count {
                room = min(room, rooms.reduce(0, +))
            }
        }
        return room > reserve ? room - reserve : 0
    }
}
