/// Feature bits of the protocol itself.
public enum VhostUserFeature {
    /// VHOST_USER_F_PROTOCOL_FEATURES, among those of virtio: there are features of the protocol.
    public static let protocolFeatures: UInt64 = 1 << 30

    /// VHOST_USER_PROTOCOL_F_MQ: the back-end tells how many queues it has.
    public static let queueCount: UInt64 = 1 << 0
    /// VHOST_USER_PROTOCOL_F_REPLY_ACK: each request is answered that asks for that.
    public static let replies: UInt64 = 1 << 3
    /// VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS: regions of memory come and go one by one, while queues are served.
    public static let memorySlots: UInt64 = 1 << 15

    /// Those of the protocol's that are used here.
    static let wanted = queueCount | replies | memorySlots
}
