import CLinux
import Glibc
import SystemPackage

/// How many characters a terminal shows.
public struct TerminalSize: Sendable, Equatable {
    public let columns: Int
    public let rows: Int

    /// What terminals have that don't know their size.
    private static let usual = (columns: 80, rows: 24)

    /// Asks a terminal (`TIOCGWINSZ`, `ioctl_tty(2)`); SIGWINCH tells when the answer changes.
    public init(of terminal: FileDescriptor) {
        var size = winsize()
        let result = unsafe withUnsafeMutablePointer(to: &size) { pointer in
            cl_ioctl(terminal.rawValue, UInt(TIOCGWINSZ), UInt(bitPattern: pointer))
        }
        let isKnown = result >= 0 && size.ws_col > 0 && size.ws_row > 0
        columns = isKnown ? Int(size.ws_col) : Self.usual.columns
        rows = isKnown ? Int(size.ws_row) : Self.usual.rows
    }
}
