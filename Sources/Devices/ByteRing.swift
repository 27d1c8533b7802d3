/// A queue of bytes with a limit. It takes memory as it is needed and keeps it.
struct ByteRing: Sendable {
    /// How many bytes it holds at most.
    let capacity: Int
    /// How many it holds.
    private(set) var count = 0

    private var storage: [UInt8]
    private var head = 0

    private static let firstSize = 1024

    /// - Precondition: a capacity above zero.
    init(capacity: Int) {
        precondition(capacity > 0, "a ring of \(capacity) bytes")
        self.capacity = capacity
        storage = [UInt8](repeating: 0, count: min(capacity, Self.firstSize))
    }

    var isEmpty: Bool { count == 0 }
    var isFull: Bool { count == capacity }
    /// How many more it takes.
    var room: Int { capacity - count }

    /// Appends a byte; false where it is full.
    mutating func append(_ byte: UInt8) -> Bool {
        guard count < capacity else { return false }
        if count == storage.count { grow() }
        storage[wrapped(head + count)] = byte
        count += 1
        return true
    }

    /// Appends bytes, as many as there is room for; returns how many.
    mutating func append(_ bytes: some Collection<UInt8>) -> Int {
        let before = count
        for byte in bytes.prefix(room) {
            _ = append(byte)
        }
        return count - before
    }

    /// Takes the oldest byte.
    mutating func removeFirst() -> UInt8? {
        guard count > 0 else { return nil }
        let byte = storage[head]
        head = wrapped(head + 1)
        count -= 1
        return byte
    }

    /// Moves at most `limit` of the oldest bytes to the end of an array.
    mutating func removeFirst(_ limit: Int, appendingTo bytes: inout [UInt8]) {
        let taken = max(0, min(count, limit))
        for index in 0..<taken {
            bytes.append(storage[wrapped(head + index)])
        }
        head = wrapped(head + taken)
        count -= taken
    }

    mutating func removeAll() {
        head = 0
        count = 0
    }

    private func wrapped(_ index: Int) -> Int {
        index < storage.count ? index : index - storage.count
    }

    private mutating func grow() {
        var larger = [UInt8](repeating: 0, count: min(capacity, storage.count * 2))
        for index in 0..<count {
            larger[index] = storage[wrapped(head + index)]
        }
        storage = larger
        head = 0
    }
}
