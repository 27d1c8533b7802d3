import CGuest
import Host
import SystemPackage

/// A new terminal for a command: its master, which does not block.
public enum GuestTerminal {
    /// - Throws: `SystemCallError` where there can be no more terminals, or `/dev/pts` is not mounted.
    public static func open(rows: UInt16, columns: UInt16) throws(SystemCallError) -> OwnedFileDescriptor {
        try OwnedFileDescriptor(result: Int(cg_open_terminal(rows, columns)), of: "posix_openpt")
    }

    /// Tells the terminal how large it is; its foreground process group gets SIGWINCH where that changes.
    public static func resize(_ master: FileDescriptor, rows: UInt16, columns: UInt16) {
        // The terminal may have gone in between.
        _ = cg_set_window_size(master.rawValue, rows, columns)
    }

    /// How many bytes can be read from a descriptor at once.
    public static func readableCount(_ descriptor: FileDescriptor) -> Int {
        max(cg_readable_count(descriptor.rawValue), 0)
    }
}
