/// What becomes of the machine when its guest reboots.
public enum RebootAction: String, Sendable, CaseIterable {
    /// It starts again, in the same process.
    case reset
    /// The process ends, with status 0.
    case exit
}
