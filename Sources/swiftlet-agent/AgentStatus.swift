/// How an agent ends.
enum AgentStatus {
    static let success: Int32 = 0
    static let failure: Int32 = 1
    /// Wrong options (EX_USAGE of sysexits.h).
    static let usage: Int32 = 64
    /// The kernel has no vsock, or not yet (EX_UNAVAILABLE).
    static let unavailable: Int32 = 69
}
