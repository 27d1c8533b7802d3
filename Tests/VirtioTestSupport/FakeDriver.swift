import GuestMemory

@testable import Virtio

/// A driver's end of one queue, over plain guest memory. It checks nothing: tests use it to break rules too.
final class FakeDriver {
    /// One piece of a request.
    struct Piece {
        var address: UInt64
        var count: UInt32
        var writable: Bool

        static func readable(_ address: UInt64, _ count: UInt32) -> Piece {
            Piece(address: address, count: count, writable: false)
        }

        static func writable(_ address: UInt64, _ count: UInt32) -> Piece {
            Piece(address: address, count: count, writable: true)
        }
    }

    struct Flags: OptionSet {
        let rawValue: UInt16
        static let next = Flags(rawValue: 1)
        static let write = Flags(rawValue: 2)
        static let indirect = Flags(rawValue: 4)
    }

    let memory: GuestMemory
    let setup: QueueSetup
    let features: UInt64
    private(set) var free: [UInt16]
    /// Descriptors of each chain that is under way, by its head.
    private var chains: [UInt16: [UInt16]] = [:]
    /// The available index that the device can't see yet.
    var pending: UInt16
    /// The used index up to which chains were taken back.
    var seen: UInt16

    init(memory: GuestMemory, setup: QueueSetup, features: UInt64 = VirtioFeature.version1, index: UInt16 = 0) {
        self.memory = memory
        self.setup = setup
        self.features = features
        free = (0..<setup.size).reversed()
        pending = index
        seen = index
    }

    var usesEventIndex: Bool { features & VirtioFeature.eventIndex != 0 }

    /// Zeroes the rings and makes a device's end for them.
    func makeQueue(maximumSize: UInt16 = 256) throws -> SplitQueue {
        for part in VirtqueuePart.allCases {
            try memory.fill(at: setup.address(of: part), count: part.byteCount(queueSize: setup.size))
        }
        return try SplitQueue(setup: setup, maximumSize: maximumSize, features: features, memory: memory)
    }

    // MARK: - Descriptors

    func write(_ index: UInt16, _ address: UInt64, _ count: UInt32, _ flags: Flags = [], next: UInt16 = 0) throws {
        try write(in: setup.descriptorTable, index, address, count, flags, next: next)
    }

    func write(
        in table: UInt64, _ index: UInt16, _ address: UInt64, _ count: UInt32, _ flags: Flags = [], next: UInt16 = 0
    ) throws {
        let words = [address, UInt64(count) | UInt64(flags.rawValue) << 32 | UInt64(next) << 48]
        let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
        try memory.write(bytes, at: GuestAddress(table + 16 * UInt64(index)))
    }

    /// Writes a chain into free descriptors and puts it into the available ring, where the device doesn't see it yet.
    ///
    /// - Parameter indirectAfter: how many pieces have a descriptor of their own; the others go into the table.
    /// - Returns: the head, or nil if there are not enough free descriptors.
    @discardableResult
    func add(_ pieces: [Piece], indirectAfter: Int? = nil, table: UInt64 = 0) throws -> UInt16? {
        let direct = indirectAfter ?? pieces.count
        let needed = direct + (indirectAfter == nil ? 0 : 1)
        guard free.count >= needed, needed > 0 else { return nil }
        let taken = (0..<needed).map { _ in free.removeLast() }
        for (number, piece) in pieces.prefix(direct).enumerated() {
            var flags: Flags = piece.writable ? .write : []
            if number + 1 < needed { flags.insert(.next) }
            let next = number + 1 < needed ? taken[number + 1] : 0xdead
            try write(taken[number], piece.address, piece.count, flags, next: next)
        }
        if indirectAfter != nil {
            let rest = pieces.dropFirst(direct)
            for (number, piece) in rest.enumerated() {
                var flags: Flags = piece.writable ? .write : []
                if number + 1 < rest.count { flags.insert(.next) }
                try write(in: table, UInt16(number), piece.address, piece.count, flags, next: UInt16(number + 1))
            }
            try write(taken[needed - 1], table, UInt32(16 * rest.count), .indirect)
        }
        chains[taken[0]] = taken
        try offer(taken[0])
        return taken[0]
    }

    /// Puts a head into the available ring, where the device doesn't see it yet.
    func offer(_ head: UInt16) throws {
        try memory.store(head, at: GuestAddress(setup.availableRing + 4 + 2 * UInt64(pending % setup.size)))
        pending &+= 1
    }

    /// Shows the device what was added.
    ///
    /// - Returns: whether the device wants a notification (virtio specification, 2.7.10).
    @discardableResult
    func publish() throws -> Bool {
        let old = try availableIndex
        try memory.store(pending, at: GuestAddress(setup.availableRing + 2))
        guestMemoryBarrier()
        if usesEventIndex {
            return pending &- (try availableEvent) &- 1 < pending &- old
        }
        return try usedFlags & 1 == 0
    }

    var availableIndex: UInt16 {
        get throws { try memory.loadUInt16(at: GuestAddress(setup.availableRing + 2)) }
    }

    var availableEvent: UInt16 {
        get throws { try memory.loadUInt16(at: GuestAddress(setup.usedRing + 4 + 8 * UInt64(setup.size))) }
    }

    // MARK: - Used ring

    struct Used: Equatable {
        var head: UInt32
        var written: UInt32
    }

    var usedFlags: UInt16 {
        get throws { try memory.loadUInt16(at: GuestAddress(setup.usedRing)) }
    }

    var usedIndex: UInt16 {
        get throws { try memory.loadUInt16(at: GuestAddress(setup.usedRing + 2)) }
    }

    /// Takes back what the device completed.
    func takeUsed() throws -> [Used] {
        var result: [Used] = []
        while try usedIndex != seen {
            let element = try memory.loadUInt64(at: GuestAddress(setup.usedRing + 4 + 8 * UInt64(seen % setup.size)))
            let used = Used(head: UInt32(truncatingIfNeeded: element), written: UInt32(element >> 32))
            result.append(used)
            free += chains.removeValue(forKey: UInt16(truncatingIfNeeded: used.head)) ?? []
            seen &+= 1
        }
        return result
    }

    func setAvailableFlags(_ flags: UInt16) throws {
        try memory.store(flags, at: GuestAddress(setup.availableRing))
    }

    func setUsedEvent(_ index: UInt16) throws {
        try memory.store(index, at: GuestAddress(setup.availableRing + 4 + 2 * UInt64(setup.size)))
    }
}
