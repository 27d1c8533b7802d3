/// The connections of a device, those of them that have packets for the guest, in turn, and what the guest may have us
/// keep for it.
struct VsockTable {
    private struct Slot {
        var connection: VsockConnection?
        /// Tells a connection from those that had the slot before.
        var serial: UInt32 = 0
        var isInLine = false
        /// The slot that stands behind this one in the line.
        var next: UInt32?
    }

    /// As many as there are at a time. A connection takes a descriptor of the host's.
    static let limit = 8192
    /// What each connection may have kept for it, in bytes: twice what programs take at a time. Where a guest's program
    /// may send more, it does not wait for the host's, but for more to send: each packet of 4 KiB awakens it (half of the
    /// throughput, where all share a processor).
    private static let largestGrant: UInt64 = 128 << 10
    private static let smallestGrant: UInt64 = 16 << 10
    /// Bytes for all connections together, beyond the smallest grants.
    private static let budget: UInt64 = 128 << 20
    /// A connection gets at most this part of what is left.
    private static let share: UInt64 = 64

    private var slots: [Slot] = []
    private var free: [UInt32] = []
    private var numbers: [VsockPorts: UInt32] = [:]
    private var firstInLine: UInt32?
    private var lastInLine: UInt32?
    /// Bytes that all connections were granted.
    private var granted: UInt64 = 0

    private(set) var count = 0

    /// What the next connection is granted: much while there are few, so that they are fast, and little where there are
    /// thousands, so that a guest can't have us keep gigabytes. A grant that was given is never taken back: not all
    /// drivers take that well.
    var nextGrant: UInt32 {
        let left = Self.budget > granted ? Self.budget - granted : 0
        return UInt32(min(Self.largestGrant, max(Self.smallestGrant, left / Self.share)))
    }

    /// Adds a connection; nil where there are too many. Its ports must be free.
    mutating func add(_ connection: VsockConnection) -> VsockID? {
        let number: UInt32
        if let last = free.popLast() {
            number = last
        } else {
            guard slots.count < Self.limit else { return nil }
            number = UInt32(slots.count)
            slots.append(Slot())
        }
        slots[Int(number)].connection = connection
        numbers[connection.ports] = number
        count += 1
        granted += UInt64(connection.grant)
        return VsockID(slot: number, serial: slots[Int(number)].serial)
    }

    func find(_ ports: VsockPorts) -> VsockID? {
        numbers[ports].map { VsockID(slot: $0, serial: slots[Int($0)].serial) }
    }

    /// Lets others have a connection's ports.
    mutating func releasePorts(of id: VsockID) {
        guard let ports = self[id]?.ports, numbers[ports] == id.slot else { return }
        numbers[ports] = nil
    }

    mutating func remove(_ id: VsockID) {
        releasePorts(of: id)
        guard let connection = self[id] else { return }
        count -= 1
        granted -= UInt64(connection.grant)
        slots[Int(id.slot)].connection = nil
        slots[Int(id.slot)].serial &+= 1
        // What stands in line is free when its turn has come.
        if !slots[Int(id.slot)].isInLine { free.append(id.slot) }
    }

    /// The connection; nil where it is no more.
    subscript(id: VsockID) -> VsockConnection? {
        has(id) ? slots[Int(id.slot)].connection : nil
    }

    /// Whether the slot is still the connection's.
    private func has(_ id: VsockID) -> Bool {
        id.slot < UInt32(slots.count) && slots[Int(id.slot)].serial == id.serial
    }

    /// Moves a connection on.
    mutating func set(_ phase: VsockConnection.Phase, of id: VsockID) {
        guard has(id) else { return }
        slots[Int(id.slot)].connection?.phase = phase
    }

    /// All of them.
    var ids: [VsockID] {
        slots.indices.filter { slots[$0].connection != nil }.map {
            VsockID(slot: UInt32($0), serial: slots[$0].serial)
        }
    }

    // MARK: The line

    /// Puts a connection to the end of the line of those that have packets, if it has one and does not stand there.
    mutating func enqueue(_ id: VsockID) {
        guard has(id), slots[Int(id.slot)].connection?.hasPacket == true, !slots[Int(id.slot)].isInLine else { return }
        slots[Int(id.slot)].isInLine = true
        slots[Int(id.slot)].next = nil
        if let lastInLine { slots[Int(lastInLine)].next = id.slot } else { firstInLine = id.slot }
        lastInLine = id.slot
    }

    var isLineEmpty: Bool { firstInLine == nil }

    /// Sends everybody home.
    mutating func clearLine() {
        while !isLineEmpty { _ = dequeue() }
    }

    /// Takes the first of the line; nil where that is no connection any more, or there is none.
    mutating func dequeue() -> VsockID? {
        guard let number = firstInLine else { return nil }
        firstInLine = slots[Int(number)].next
        if firstInLine == nil { lastInLine = nil }
        slots[Int(number)].isInLine = false
        guard slots[Int(number)].connection != nil else {
            free.append(number)
            return nil
        }
        return VsockID(slot: number, serial: slots[Int(number)].serial)
    }
}
