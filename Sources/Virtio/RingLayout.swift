/// Offsets in bytes that available and used rings have in common (virtio specification, 2.7.6 and 2.7.8).
enum RingLayout {
    static let flags: UInt64 = 0
    static let index: UInt64 = 2

    /// VIRTQ_AVAIL_F_NO_INTERRUPT and VIRTQ_USED_F_NO_NOTIFY.
    static let suppress: UInt16 = 1

    /// Where an entry is. The one behind the last, whose number is the queue size, is the event index of the other side.
    static func entry(of number: UInt16, bytes: UInt64) -> UInt64 {
        4 + UInt64(number) * bytes
    }
}
