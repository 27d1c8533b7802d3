/// What a packet is for (virtio specification, 5.10.6: `enum virtio_vsock_op`).
enum VsockOperation: UInt16 {
    /// Asks for a connection.
    case request = 1
    /// Grants it.
    case response = 2
    /// There is no such connection, or not any more.
    case reset = 3
    /// The sender will not receive, or not send, any more.
    case shutdown = 4
    /// Bytes.
    case data = 5
    /// Says how much may be sent.
    case creditUpdate = 6
    /// Asks how much may be sent.
    case creditRequest = 7
}

/// What the sender of a SHUTDOWN will not do any more (virtio specification, 5.10.6.5).
struct VsockShutdown: OptionSet {
    let rawValue: UInt32

    static let receiving = VsockShutdown(rawValue: 1)
    static let sending = VsockShutdown(rawValue: 2)
    static let both: VsockShutdown = [.receiving, .sending]
}
