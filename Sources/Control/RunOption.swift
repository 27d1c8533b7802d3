/// An option of `swiftlet run`, as a configuration file can have it.
public struct RunOption: Sendable {
    /// What stands behind it.
    public enum Kind: Sendable {
        /// Nothing.
        case flag
        case text
        /// A file's path.
        case path
        /// `kind:PATH`, or a word.
        case channel
        /// `key=value,key=value`, of which `path`, if any, is the last.
        case keys
    }

    /// Without its dashes.
    public let name: String
    public let kind: Kind
    public let isRepeatable: Bool

    private init(_ name: String, _ kind: Kind, isRepeatable: Bool = false) {
        self.name = name
        self.kind = kind
        self.isRepeatable = isRepeatable
    }

    /// All of them, in the order in which they are shown.
    public static let all = [
        RunOption("name", .text),
        RunOption("kernel", .path),
        RunOption("initrd", .path),
        RunOption("cmdline", .text),
        RunOption("no-default-cmdline", .flag),
        RunOption("verbose-boot", .flag),
        RunOption("cpus", .text),
        RunOption("memory", .keys),
        RunOption("numa", .keys, isRepeatable: true),
        RunOption("virtio-mem", .keys, isRepeatable: true),
        RunOption("disk", .keys, isRepeatable: true),
        RunOption("net", .keys, isRepeatable: true),
        RunOption("fs", .keys, isRepeatable: true),
        RunOption("share", .keys, isRepeatable: true),
        RunOption("vsock", .keys),
        RunOption("rng", .text),
        RunOption("balloon", .keys),
        RunOption("on-reboot", .text),
        RunOption("resize-stall", .text),
        RunOption("serial", .channel),
        RunOption("console", .channel),
        RunOption("monitor", .channel),
        RunOption("qmp", .channel, isRepeatable: true),
        RunOption("log-level", .text),
        RunOption("log-format", .text),
        RunOption("log-file", .path),
        RunOption("detach", .flag),
    ]
}
