/// Requested sizes drawn at random, the same ones for the same seed.
public struct RandomResizes: Sendable, Equatable {
    /// Ids; all of the machine's where none is named.
    public var devices: [String]
    public var count: Int
    /// Bytes: a size is from the one to the other, in steps.
    public var least: UInt64
    public var most: UInt64
    public var step: UInt64
    /// Milliseconds between two of them, at most.
    public var pause: UInt64
    /// Nil for the case's own.
    public var seed: UInt64?

    /// A size for a device, after a pause of so many milliseconds.
    public struct Change: Sendable, Equatable {
        public var device: String
        public var size: UInt64
        public var pause: UInt64
    }

    /// All of them, in order.
    public func changes(seed: UInt64) -> [Change] {
        var random = SeededRandom(seed: self.seed ?? seed)
        return (0..<count).map { _ in
            let device = devices[Int(random.next(below: UInt64(devices.count)))]
            let size = least + step * random.next(below: (most - least) / step + 1)
            return Change(device: device, size: size, pause: random.next(below: pause + 1))
        }
    }
}
