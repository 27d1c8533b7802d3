/// A file system to mount.
public struct MountRequest: Sendable, Equatable {
    /// A device, a virtiofs tag, the directory of a bind mount, or any word for one that has none.
    public var source: String
    /// A directory, which is made where it is missing.
    public var target: String
    /// Such as `ext4`, `virtiofs` or `tmpfs`; `bind` for a bind mount.
    public var type: String
    /// As behind `-o` of mount(8).
    public var options: [String]

    public init(source: String, target: String, type: String, options: [String] = []) {
        self.source = source
        self.target = target
        self.type = type
        self.options = options
    }
}
