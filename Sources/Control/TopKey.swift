/// What a key does in `swiftlet top`.
public enum TopKey: Sendable, Equatable {
    public enum Scroll: Sendable {
        case up, down, pageUp, pageDown, home, end
    }

    case quit
    case scroll(Scroll)
    case toggleDevices
    case redraw
    /// What terminals make a signal of, unless a program reads each key: Ctrl-C, Ctrl-\ and Ctrl-Z.
    case interrupt, abort, suspend
}
