import Glibc

/// A pseudo-terminal: the side of the person who types, and the side that a program takes for its terminal.
final class Terminal {
    /// What the person's side can do.
    let master: Int32
    /// The program's side; it stays open, so that its settings can be looked at after the program's end.
    let slave: Int32

    init() throws {
        var (master, slave): (Int32, Int32) = (-1, -1)
        guard openpty(&master, &slave, nil, nil, nil) == 0 else {
            throw TestFailure("making a pseudo-terminal: \(String(cString: strerror(errno)))")
        }
        for descriptor in [master, slave] {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
        (self.master, self.slave) = (master, slave)
    }

    deinit {
        close(slave)
    }

    /// Whether lines are edited and Ctrl-C is a signal, as shells expect a terminal.
    var isCooked: Bool {
        let flags = settings.c_lflag
        let wanted = tcflag_t(ICANON | ECHO | ISIG)
        return flags & wanted == wanted
    }

    /// All settings, in a form that can be compared.
    var state: [UInt8] {
        var settings = settings
        return withUnsafeBytes(of: &settings) { Array($0) }
    }

    private var settings: termios {
        var settings = termios()
        tcgetattr(slave, &settings)
        return settings
    }
}
