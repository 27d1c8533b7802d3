/// Names a connection of a device, and none that comes after it.
public struct VsockID: Hashable, Sendable {
    let slot: UInt32
    let serial: UInt32
}

/// What a device wants from whoever has the streams, in this order.
public enum VsockAction: Sendable, Hashable {
    /// Connect to the program that serves a port, and call `connected` or `refuse`.
    case connect(VsockID, port: UInt32)
    /// Say, by `streamIsReady`, also when there is room to send; or don't any more.
    case watchRoom(VsockID, Bool)
    /// Call `expireRest` in a while, unless it is closed before: the guest is gone, and its last bytes wait for a program
    /// that takes its time. One that takes none of them for so long does not get them.
    case limit(VsockID)
    /// Close the stream; the device does not use it any more.
    case close(VsockID)
}
