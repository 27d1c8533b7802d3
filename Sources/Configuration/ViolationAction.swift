/// What becomes of the machine when its guest touches unplugged memory of a device.
public enum ViolationAction: String, Sendable, CaseIterable {
    /// The guest stops where it did that, so that it can be looked at; going on tries the access again.
    case stop
    /// The machine starts again, in the same process.
    case reset
    /// The process ends, with status 1.
    case exit
}
