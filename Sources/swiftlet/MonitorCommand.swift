import ArgumentParser
import Host

/// `swiftlet monitor`: the monitor of a machine.
struct MonitorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "monitor",
        abstract: "Talk to a machine's monitor, or have it do one command.",
        discussion: """
            EXAMPLES:
              swiftlet monitor web
              swiftlet monitor web info memory-devices
              swiftlet monitor web qom-set vm0 requested-size 1G

            Without a command, lines of standard input are done one by one, until it ends (Ctrl-D). 'help' lists the \
            monitor's commands; its 'quit' ends the machine.
            """)

    @Argument(help: "The machine.")
    var name: String

    @Argument(parsing: .captureForPassthrough, help: "What the monitor shall do.")
    var command: [String] = []

    func run() throws {
        let machine = try RunningMachine(name)
        guard command.isEmpty else {
            return show(try machine.monitor(command.joined(separator: " ")))
        }
        let isTerminal = RawTerminal.isTerminal(.standardInput)
        func prompt() {
            if isTerminal { show("(\(name)) ") }
        }
        prompt()
        while let line = readLine() {
            do {
                show(try machine.monitor(line))
            } catch  where machine.hasEnded {
                return
            }
            prompt()
        }
        if isTerminal { show("\n") }
    }
}
