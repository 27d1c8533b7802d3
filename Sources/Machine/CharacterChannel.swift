import SystemPackage

/// What a guest's serial port or virtio console is connected to. Descriptors stay the caller's, and stay open until the machine has
/// ended.
public enum CharacterChannel: Sendable {
    /// Output is dropped, and there is no input.
    case null
    /// Both ways over a descriptor that does not block, such as one end of a socket pair. Output waits for the reader,
    /// and the guest for its output.
    case stream(FileDescriptor)
    /// Output into a file, whose name is for messages. Where the disk is full, output waits until it is not.
    case file(FileDescriptor, name: String)
    /// Both ways over the master of a pseudo-terminal that does not block. Output is dropped while nobody has it open.
    case pseudoTerminal(FileDescriptor)
}
