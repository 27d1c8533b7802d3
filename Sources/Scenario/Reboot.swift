/// How a guest starts anew.
public enum Reboot: Sendable, Equatable {
    /// Its own kernel does it.
    case guest
    /// The machine is reset.
    case host
    /// Another kernel takes over, without the machine's being reset, with further words of its command line.
    case kexec(String)
}
