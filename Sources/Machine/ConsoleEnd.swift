import Devices

/// Where a guest's virtio console leads.
public struct ConsoleEnd: Sendable {
    /// What it is connected to.
    public var channel: CharacterChannel
    /// How many characters the terminal there shows; nil for what is none. It changes by `Machine.setConsoleSize`.
    public var size: TerminalSize?

    /// Columns and rows of a terminal.
    public typealias TerminalSize = VirtioConsole.Size

    public init(_ channel: CharacterChannel, size: TerminalSize? = nil) {
        self.channel = channel
        self.size = size
    }
}
