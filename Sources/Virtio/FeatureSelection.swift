/// The feature registers: 64 bits through a window of 32 (virtio specification, 4.2.2).
struct FeatureSelection {
    var deviceWindow: UInt32 = 0
    var driverWindow: UInt32 = 0
    /// What the driver has written so far.
    private(set) var chosen: UInt64 = 0
    /// Which windows beyond the first two have bits set: nothing there is offered. Only whether there is one counts.
    private(set) var chosenBeyond = false

    /// The offered features in the selected window.
    func read(offered: UInt64) -> UInt32 {
        switch deviceWindow {
        case 0: UInt32(truncatingIfNeeded: offered)
        case 1: UInt32(truncatingIfNeeded: offered >> 32)
        default: 0
        }
    }

    mutating func write(_ bits: UInt32) {
        switch driverWindow {
        case 0: chosen = chosen & ~0xffff_ffff | UInt64(bits)
        case 1: chosen = chosen & 0xffff_ffff | UInt64(bits) << 32
        default: chosenBeyond = chosenBeyond || bits != 0
        }
    }
}
