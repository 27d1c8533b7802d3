/// Sockets between the guest and programs of the host (virtio-vsock), which reach each other by Unix sockets.
///
/// Nothing of the host's own vsock is used: other machines may have the same context identifier.
public struct Vsock: Sendable, Equatable {
    /// The guest's context identifier.
    public var cid: UInt32
    /// The path that programs connect to, for ports of the guest. The guest's connections to a port of the host go to
    /// whoever listens at the path with `_` and the port behind it.
    public var path: String
    /// The socket that listens there; nil to have it made.
    public var descriptor: Int32?

    public init(cid: UInt32, path: String, descriptor: Int32? = nil) {
        self.cid = cid
        self.path = path
        self.descriptor = descriptor
    }
}
