/// What is to be sent of a file system.
public struct CopySource: Sendable, Equatable {
    /// An absolute path, as the file system has it: not always UTF-8. One that ends with a slash has
    /// to be a directory, or a symbolic link to one.
    public var path: [UInt8]
    /// Sends what a symbolic link leads to, where the path itself is one.
    public var followsLink: Bool

    public init(path: [UInt8], followsLink: Bool) {
        self.path = path
        self.followsLink = followsLink
    }
}
