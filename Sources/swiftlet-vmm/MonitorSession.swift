import Console
import Host
import Machine
import Monitor

/// A conversation with the monitor: lines in, answers out. It belongs to the main loop.
final class MonitorSession: Conversation, ConsoleSession {
    let hasEnded = false
    private(set) var isIdle = true
    /// Whether the client has ended the machine, and is not heard any more.
    private var hasQuit = false
    private let monitor: Monitor
    private let output: OutputStream
    private let onQuit: () -> Void
    private var editor: LineEditor

    /// - Parameter echoes: whether a person types at a raw terminal.
    init(monitor: Monitor, output: OutputStream, echoes: Bool, onQuit: @escaping () -> Void) {
        self.monitor = monitor
        self.output = output
        self.onQuit = onQuit
        editor = LineEditor(echoes: echoes)
    }

    func begin() {
        output.write(Monitor.greeting + Monitor.prompt)
    }

    func prompt() {
        output.write("\n" + Monitor.prompt)
    }

    func receive(_ bytes: [UInt8]) {
        isIdle = false
        guard !hasQuit else { return }
        for event in editor.parse(bytes) {
            switch event {
            case .echo(let bytes): output.write(bytes)
            case .tooLong: answer("the line is longer than \(LineEditor.limit) bytes\n")
            case .line(let line):
                switch monitor.execute(line) {
                case .text(let text): answer(text)
                case .quit:
                    hasQuit = true
                    return onQuit()
                }
            }
        }
    }

    private func answer(_ text: String) {
        output.write(text + Monitor.prompt)
    }
}
