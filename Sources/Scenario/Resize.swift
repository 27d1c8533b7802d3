/// Requested sizes of memory devices that change.
public struct Resize: Sendable {
    public struct Target: Sendable {
        public enum Amount: Sendable {
            case absolute(Expression)
            /// More, or with a minus less, than is requested.
            case relative(Expression, isLess: Bool)
        }

        /// Nil for all devices.
        public var id: String?
        public var amount: Amount
        public var line: Int
    }

    public var targets: [Target]
    /// Whether the step ends only when the guest has plugged what is requested.
    public var settles: Bool
    /// Set where a size has to be refused: what the refusal has in it.
    public var refusal: String?
}
