/// Why guest memory can't be accessed. Where a guest chose the address, this is the guest's mistake.
public enum GuestMemoryError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Some of the bytes belong to no region of guest memory.
    case unmapped(GuestAddress, count: UInt64)
    /// The bytes belong to a region, but can't be accessed now: unplugged, or lost by the backing. The address is
    /// that of the access, not of its first bad byte.
    case inaccessible(GuestAddress, count: UInt64)

    public var description: String {
        switch self {
        case .unmapped(let address, let count): "no guest memory at \(address), \(count) bytes"
        case .inaccessible(let address, let count): "guest memory at \(address), \(count) bytes, is not accessible"
        }
    }
}
