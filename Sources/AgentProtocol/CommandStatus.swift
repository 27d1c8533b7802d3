/// How a command ended.
public enum CommandStatus: Sendable, Equatable {
    case exited(UInt8)
    case killed(signal: UInt8)

    /// The status that a shell has for it.
    public var shellStatus: Int32 {
        switch self {
        case .exited(let status): Int32(status)
        case .killed(let signal): 128 + Int32(signal)
        }
    }
}
