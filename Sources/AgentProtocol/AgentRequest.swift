/// What a connection is for: its first frame.
public enum AgentRequest: Sendable, Equatable {
    case exec(ExecRequest)
    /// The client sends files.
    case put(CopyTarget)
    /// The agent sends files.
    case get(CopySource)
    case memory
    case online(OnlineRequest)
    case mount(MountRequest)
    case unmount(target: String)
    case shutdown(ShutdownAction)
    case information
}
