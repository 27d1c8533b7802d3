/// A port that a guest's first program writes a byte to, so that the time of a boot can be measured.
public struct InitMarker: PortDevice, Sendable {
    /// The port that guest images agree on.
    public static let port: UInt16 = 0xe9

    private let onMark: @Sendable (UInt8) -> Void
    private var isMarked = false

    /// - Parameter onMark: called with the first byte that is written, on the virtual processor's thread.
    public init(onMark: @escaping @Sendable (UInt8) -> Void) {
        self.onMark = onMark
    }

    /// Makes the next byte the first one again, as at a system reset.
    public mutating func reset() {
        isMarked = false
    }

    /// Nothing drives the bus.
    public mutating func readRegister(at offset: UInt16) -> UInt8 {
        0xff
    }

    public mutating func writeRegister(_ value: UInt8, at offset: UInt16) {
        guard offset == 0, !isMarked else { return }
        isMarked = true
        onMark(value)
    }
}
