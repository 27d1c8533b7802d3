/// Where files that are sent go, as `docker cp` has it: into a directory that is there, or under that name.
public struct CopyTarget: Sendable, Equatable {
    /// An absolute path. One that ends with a slash has to be a directory.
    public var path: [UInt8]
    /// Puts what is in the directory that is sent into the target, not the directory itself.
    public var takesContents: Bool

    public init(path: [UInt8], takesContents: Bool) {
        self.path = path
        self.takesContents = takesContents
    }
}
