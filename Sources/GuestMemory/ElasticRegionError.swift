import Host

/// Why blocks could not be plugged or unplugged now.
public enum ElasticRegionError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The host refused a memory call, for example because of too many mappings.
    case host(SystemCallError)
    /// A memory slot could not be made live.
    case slot(MemorySlotError)
    /// The plugged blocks are in so many pieces that the host has no mappings left for more.
    case tooFragmented
    /// There is no virtual machine to make slots in.
    case notConnected

    public var description: String {
        switch self {
        case .host(let error): error.description
        case .slot(let error): error.description
        case .tooFragmented: "the plugged blocks are in more pieces than the host has mappings for"
        case .notConnected: "no virtual machine to make memory slots in"
        }
    }
}
