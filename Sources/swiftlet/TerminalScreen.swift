import Host
import SystemPackage

/// The terminal's other screen, drawn line by line (ECMA-48, and xterm's private modes). Only lines that change are
/// written, and each has all its columns, so that nothing flickers.
final class TerminalScreen {
    private let output: OwnedFileDescriptor
    private let stream: OutputStream
    private var shown: [String] = []
    private var isEntered = false

    private enum Code {
        /// The other screen, no cursor, and no line that goes on in the next one.
        static let enter = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l"
        static let leave = "\u{1B}[m\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"
        static let clear = "\u{1B}[m\u{1B}[2J"
        static let inverse = "\u{1B}[7m"
        static let plain = "\u{1B}[m"
        static func line(_ row: Int) -> String { "\u{1B}[\(row + 1);1H" }
    }

    /// Milliseconds that a terminal which takes nothing is waited for at the end.
    private static let patience: UInt64 = 1_000

    /// - Parameter onClose: called when the terminal is gone.
    init(_ loop: EventLoop, onClose: @escaping () -> Void) throws(SystemCallError) {
        // The shell's own must not change.
        output = try FileDescriptor.standardOutput.reopenedWithoutBlocking(.writeOnly)
        stream = OutputStream(output.descriptor, loop: loop)
        stream.onClose = onClose
    }

    /// Takes the terminal, also where somebody else has changed it meanwhile.
    func enter() throws(SystemCallError) {
        // Of all others first: a process in the background stops here, until it is in the foreground.
        try RawTerminal.enter(.standardInput)
        if !isEntered { stream.write(Code.enter) }
        isEntered = true
        forget()
    }

    /// Gives the terminal back as it was.
    func leave() {
        guard isEntered else { return }
        isEntered = false
        stream.write(Code.leave)
        stream.flush(patience: Self.patience)
        RawTerminal.restore()
    }

    /// Draws all lines the next time: the terminal may have lost them.
    func forget() {
        shown = []
    }

    /// - Parameter highlighted: the number of a line that stands out.
    func show(_ lines: [String], highlighted: Int) {
        // A terminal that is slow gets the next picture.
        guard isEntered, stream.waitingCount == 0 else { return }
        var text = shown.count == lines.count ? "" : Code.clear
        for (row, line) in lines.enumerated() where shown.count != lines.count || shown[row] != line {
            text += Code.line(row)
            text += row == highlighted ? Code.inverse + line + Code.plain : line
        }
        shown = lines
        stream.write(text)
    }
}
