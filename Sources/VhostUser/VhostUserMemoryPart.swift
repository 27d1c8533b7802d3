import SystemPackage

/// A part of guest memory that a back-end is given.
///
/// Where the front-end's process has it is nobody's business: queues are named by guest-physical addresses, so those
/// stand for addresses of the process, too.
public struct VhostUserMemoryPart: Sendable, Equatable {
    public let guestAddress: UInt64
    /// Bytes.
    public let size: UInt64
    /// The file that the memory is made of; open as long as a back-end may be given it.
    public let file: FileDescriptor
    /// Where the part begins in the file, in bytes.
    public let fileOffset: UInt64

    public init(guestAddress: UInt64, size: UInt64, file: FileDescriptor, fileOffset: UInt64) {
        self.guestAddress = guestAddress
        self.size = size
        self.file = file
        self.fileOffset = fileOffset
    }
}
