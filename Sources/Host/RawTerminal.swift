import CLinux
import SystemPackage

/// The terminal that the process was started on, in raw mode: every key goes through as it is.
///
/// Its former mode comes back with `restore()`, at the end of the process, and when a signal kills the process that
/// can be caught. There is one per process.
public enum RawTerminal {
    /// Whether the descriptor is a terminal.
    public static func isTerminal(_ descriptor: FileDescriptor) -> Bool {
        isatty(descriptor.rawValue) == 1
    }

    /// Puts the terminal into raw mode, or again after a stop and SIGCONT.
    ///
    /// - Parameter processesOutput: whether line feeds still go to the beginning of a line, as messages of the process
    ///   itself need it. What comes from another terminal has been processed there.
    /// - Throws: `SystemCallError` (ENOTTY).
    public static func enter(
        _ descriptor: FileDescriptor, processesOutput: Bool = true
    ) throws(SystemCallError) {
        let result = cl_terminal_make_raw(descriptor.rawValue, processesOutput)
        if result < 0 {
            throw SystemCallError("tcsetattr", Errno(rawValue: -result))
        }
    }

    /// Brings the former mode back.
    public static func restore() {
        cl_terminal_restore()
    }
}
