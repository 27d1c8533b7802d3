/// What became of memory that was to be onlined.
public struct OnlineReport: Sendable, Equatable {
    /// Linux memory blocks that are online now and were not.
    public var onlined: UInt32
    /// Those that the kernel refused.
    public var refused: UInt32
    /// Why, for the first of these; empty without.
    public var reason: String

    public init(onlined: UInt32, refused: UInt32, reason: String) {
        self.onlined = onlined
        self.refused = refused
        self.reason = reason
    }
}
