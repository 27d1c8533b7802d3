/// Numbers that look random, and are the same for the same seed on every machine (SplitMix64; Steele, Lea and Flood, "Fast
/// splittable pseudorandom number generators", 2014).
public struct SeededRandom: Sendable {
    private var state: UInt64

    public init(seed: UInt64) {
        state = seed
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// A number from 0, below a limit that is not 0.
    public mutating func next(below limit: UInt64) -> UInt64 {
        // The highest 64 bits of a product: as even as needed for limits far below 2^64.
        next().multipliedFullWidth(by: limit).high
    }
}
