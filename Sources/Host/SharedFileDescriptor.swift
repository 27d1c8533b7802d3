import SystemPackage

/// A file descriptor that several may have: it is closed when nobody has it any more.
public final class SharedFileDescriptor: Sendable {
    private let owned: OwnedFileDescriptor

    public init(_ owned: consuming OwnedFileDescriptor) {
        self.owned = owned
    }

    /// Valid as long as this object lives.
    public var descriptor: FileDescriptor { owned.descriptor }

    /// The descriptor's number, as the kernel knows it.
    public var rawValue: CInt { owned.rawValue }
}
