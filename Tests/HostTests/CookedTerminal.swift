import Glibc
import Host
import SystemPackage
import Testing

/// A pseudo-terminal in the mode that a shell leaves it in.
final class CookedTerminal {
    private let pseudoTerminal: PseudoTerminal
    let descriptor: OwnedFileDescriptor

    init() throws {
        pseudoTerminal = try PseudoTerminal()
        descriptor = try OwnedFileDescriptor(
            opening: FilePath(pseudoTerminal.path), .readWrite, options: .init(rawValue: O_NOCTTY))
        var mode = Self.mode(of: descriptor.descriptor)
        mode.c_lflag |= UInt32(ICANON | ECHO | ISIG)
        mode.c_iflag |= UInt32(ICRNL)
        mode.c_oflag |= UInt32(OPOST | ONLCR)
        #expect(tcsetattr(descriptor.rawValue, TCSANOW, &mode) == 0)
    }

    var path: String { pseudoTerminal.path }
    var isCooked: Bool { Self.isCooked(descriptor.descriptor) }
    var isRaw: Bool { Self.isRaw(descriptor.descriptor) }

    private static func mode(of descriptor: FileDescriptor) -> termios {
        var mode = termios()
        #expect(tcgetattr(descriptor.rawValue, &mode) == 0)
        return mode
    }

    /// Lines are edited and echoed, and keys send signals.
    static func isCooked(_ descriptor: FileDescriptor) -> Bool {
        let mode = mode(of: descriptor)
        let local = UInt32(ICANON | ECHO | ISIG)
        return mode.c_lflag & local == local && mode.c_iflag & UInt32(ICRNL) != 0
    }

    /// Keys come through one by one, without echo and signals; output keeps its line ends.
    static func isRaw(_ descriptor: FileDescriptor) -> Bool {
        let mode = mode(of: descriptor)
        return mode.c_lflag & UInt32(ICANON | ECHO | ISIG) == 0 && mode.c_iflag & UInt32(ICRNL | IXON) == 0
            && mode.c_oflag & UInt32(OPOST) != 0
    }
}
