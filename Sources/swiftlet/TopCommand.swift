import ArgumentParser
import Host

/// `swiftlet top`: the machines that have a name, on a screen that follows them.
struct TopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Follow the machines on the screen, until q is pressed.",
        discussion: """
            EXAMPLE:
              swiftlet top

            Each second: what of its memory devices is requested of a machine and plugged, what memory of the host \
            its process has (resident), and the last minute of each as bars. The full height is the most of that \
            minute, of requested and plugged together.

            KEYS: q quits, d shows and hides memory devices (they are shown where all lines fit), arrows, page up and \
            down, Home and End scroll, Ctrl-L draws the screen anew.
            """)

    func run() throws {
        guard RawTerminal.isTerminal(.standardOutput) else {
            throw Refusal("top: standard output is no terminal; 'swiftlet list' prints the machines once")
        }
        guard RawTerminal.isTerminal(.standardInput) else {
            throw Refusal("top: standard input is no terminal, so that no key could end it; see 'swiftlet list'")
        }
        let kind = environmentVariable("TERM") ?? "dumb"
        guard kind != "dumb" else {
            throw Refusal("top: the terminal can't place its cursor (TERM is '\(kind)'); see 'swiftlet list'")
        }
        // A machine that ends while it is asked.
        ignoreBrokenPipes()
        try TopSession().run()
    }
}
