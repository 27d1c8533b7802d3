/// Why a case failed.
public struct CaseFailure: Error, Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        /// Something was not as the scenario says.
        case check
        /// Something that holds all along did not.
        case invariant
        /// Something did not come in time.
        case timeout
        /// The guest does not answer, and its machine runs.
        case guestHung = "guest-hung"
        /// The guest's kernel has panicked.
        case guestPanicked = "guest-panicked"
        /// The guest has started anew, or ended, without being told to.
        case guestRebooted = "guest-rebooted"
        /// The machine's process has ended without being told to.
        case vmmDied = "vmm-died"
        /// The host, or the tool, could not do what was needed.
        case host
    }

    /// That somebody ended the run.
    public static func interruption(at time: UInt64) -> CaseFailure { CaseFailure(.host, "interrupted", at: time) }

    public var isInterruption: Bool { kind == .host && message == "interrupted" }

    public var kind: Kind
    /// What was expected, and what was seen.
    public var message: String
    /// Where in the scenario's file it is stated; nil for what no line states.
    public var line: Int?
    /// When, in milliseconds since the case's beginning.
    public var at: UInt64

    public init(_ kind: Kind, _ message: String, line: Int? = nil, at: UInt64) {
        self.kind = kind
        self.message = message
        self.line = line
        self.at = at
    }
}
