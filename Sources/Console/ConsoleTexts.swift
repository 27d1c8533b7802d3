/// What a console says of itself.
public struct ConsoleTexts: Sendable {
    /// What the keys behind Ctrl-A do.
    let help: String
    /// Where there is nothing to switch to.
    let withoutSession: String

    /// - Parameters:
    ///   - quitting: what Ctrl-A x does.
    ///   - switching: what Ctrl-A c does; nil where it does nothing.
    ///   - withoutSession: said where there is nothing to switch to.
    public init(quitting: String, switching: String?, withoutSession: String) {
        help = """
            Ctrl-A x  \(quitting)
            \(switching.map { "Ctrl-A c  \($0)\n" } ?? "")Ctrl-A h  this help
            Ctrl-A Ctrl-A  send Ctrl-A

            """
        self.withoutSession = withoutSession
    }
}
