/// The kernel's command line: defaults that suit a microVM, and what the user adds.
public struct KernelCommandLine: Sendable, Equatable {
    /// One word of the defaults.
    public struct Word: Sendable, Equatable {
        public let text: String
        /// What it is for, for `--help`.
        public let explanation: String
        /// Whether it only keeps the kernel's boot messages off the console.
        public let quietens: Bool

        init(_ text: String, quietens: Bool = false, _ explanation: String) {
            self.text = text
            self.explanation = explanation
            self.quietens = quietens
        }
    }

    /// The words that a command line begins with.
    public static let defaults = [
        Word("console=ttyS0", "messages and login on the serial port"),
        Word("panic=-1", "a panic restarts the machine at once"),
        Word("quiet", quietens: true, "few messages at boot: each byte of one costs two VM exits"),
        Word("loglevel=1", quietens: true, "only emergencies on the console later, too"),
        Word("pci=off", "no search for a PCI bus, which is not there"),
        Word("8250.nr_uarts=1", "no search for further serial ports"),
        Word("cryptomgr.notests", "no self-tests of ciphers, a tenth of the time that a boot takes and more"),
        Word("noreplace-smp", "with one vCPU, locks are not rewritten: another tenth of that time"),
        Word("swiotlb=noforce", "no 64M of bounce buffers, which hotplug memory would bring"),
        Word("memhp_default_state=online_movable", "plugged memory is used at once and can be unplugged again"),
    ]

    /// The longest command line that Linux takes on x86, in bytes (COMMAND_LINE_SIZE is one more, for the end).
    public static let maximumLength = 2047

    /// Whether the defaults come first.
    public var includesDefaults: Bool
    /// Whether the kernel may talk while it boots.
    public var isVerbose: Bool
    /// What the user appends.
    public var addition: String

    public init(includesDefaults: Bool = true, isVerbose: Bool = false, addition: String = "") {
        self.includesDefaults = includesDefaults
        self.isVerbose = isVerbose
        self.addition = addition
    }

    /// The whole line.
    public var text: String {
        var words = includesDefaults ? Self.defaults.filter { !(isVerbose && $0.quietens) }.map(\.text) : []
        if !addition.isEmpty {
            words.append(addition)
        }
        return words.joined(separator: " ")
    }
}
