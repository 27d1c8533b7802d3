/// When to remind a guest that it has more memory plugged than is requested.
///
/// Linux's driver gives up on busy memory after about a second and tries again by itself only after 50 to 300 seconds;
/// any configuration interrupt makes it try at once. Reminders come with growing distance as long as nothing moves.
public struct ResizeRetry: Sendable {
    private static let first: UInt64 = 1_000
    private static let last: UInt64 = 30_000

    private var delay = first

    public init() {}

    /// Something moved: the next reminder comes soon again.
    public mutating func progressed() {
        delay = Self.first
    }

    /// Milliseconds until the next reminder; each is twice as far away as the one before, up to half a minute.
    public mutating func nextDelay() -> UInt64 {
        defer { delay = min(delay * 2, Self.last) }
        return delay
    }
}
