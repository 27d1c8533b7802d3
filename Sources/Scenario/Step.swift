/// Something that a scenario does, or looks at.
public struct Step: Sendable {
    public indirect enum Action: Sendable {
        case resize(Resize)
        /// Goes on when all of them hold at once.
        case wait([Condition])
        /// So many milliseconds.
        case pause(UInt64)
        /// Until the console has shown a text.
        case console(String)
        /// Until a command in the guest ends with status 0.
        case waitForGuest(String)
        /// Until every device has plugged what is requested.
        case settle
        case check([Condition])
        case guest(GuestCommand)
        case startWorkload(Workload)
        case verifyWorkload(String)
        case stopWorkload(String)
        case reboot(Reboot)
        /// The machine is paused, or goes on.
        case stop, cont
        case inject(Fault)
        /// Figures that later steps compare with.
        case keep([NamedExpression])
        /// Figures that reports tell.
        case measure([NamedExpression])
        /// Each a list of steps of its own.
        case parallel([[Step]])
        case `repeat`(Int, [Step])
        case random(RandomResizes)
    }

    /// Such as `3`, or `3.1` within the third.
    public var number: String
    /// What it is called; nil where nobody has named it.
    public var name: String?
    public var line: Int
    /// Milliseconds that it may take.
    public var timeout: UInt64
    public var action: Action

    /// A minute.
    public static let defaultTimeout: UInt64 = 60_000
    /// Milliseconds that a guest's start may take, unless a step says otherwise: in emulated hosts it takes long.
    public static let restartTimeout: UInt64 = 240_000
}
