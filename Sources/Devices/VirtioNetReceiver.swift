import GuestMemory
import SystemPackage
import Virtio

/// The receiving queue of a pair: frames go from the port straight into the guest's buffers, a system call each.
///
/// Buffers are taken ahead, as many as the next frame probably needs. What does not fit into them goes on to a buffer of
/// the process, and is copied into buffers that are taken then; so a frame is never cut, and never asked for its size
/// first.
struct VirtioNetReceiver {
    /// Why it came to an end.
    enum End {
        /// Nothing has come any more.
        case empty
        /// The guest has no buffer left. Frames stay with the port.
        case starved
        /// Others have their turn.
        case turnOver
    }

    /// What is taken of a queue, for frames to come.
    private struct Buffer {
        let chain: DescriptorChain
        /// Where the count of a frame's buffers goes, if this is its first: the lower byte, and the higher.
        let lowCount: GuestAddress
        let highCount: GuestAddress
    }

    /// Bytes of the header, and where in it the count of buffers is (virtio specification, 5.1.6).
    static let headerLength: UInt64 = 12
    private static let countOffset: UInt64 = 10
    /// The largest frame with its header: 64 KiB, and Ethernet's header with a VLAN's.
    static let longestFrame: UInt64 = headerLength + 18 + 65536
    /// What frames are usually not longer than, unless the host puts segments together.
    private static let shortFrame: UInt64 = 2048
    /// So many short ones in a row, and no longer one is expected.
    private static let memory = 64
    /// Frames in a turn.
    private static let turn = 64
    /// No more buffers are taken ahead when there are so many pieces of them: a system call has its limit.
    private static let mostPieces = 512

    private var buffers: [Buffer] = []
    private var descriptors = 0
    private let pieces: GuestVectors
    private let overflow = OverflowBuffer(capacity: Int(longestFrame))
    /// Bytes of the frame of which some are in `overflow`, since the buffers did not hold it; 0 for none.
    private var unfinished: UInt64 = 0
    /// How many of its bytes are in the buffers.
    private var stored: UInt64 = 0
    private var expected = longestFrame
    private var shortOnes = 0

    /// What the port last said went wrong, as a negated `errno`.
    private(set) var problem = 0

    init(memory: GuestMemory) {
        pieces = GuestVectors(of: memory)
        buffers.reserveCapacity(Int(VirtioNetConfiguration.queueSize))
    }

    /// Forgets what was taken.
    mutating func reset() {
        buffers.removeAll(keepingCapacity: true)
        pieces.removeAll()
        descriptors = 0
        unfinished = 0
    }

    /// Gives the guest what has come.
    ///
    /// - Parameter isMergeable: whether a frame may take several chains.
    mutating func receive(
        from port: any NetworkPort, into queue: SplitQueue, isMergeable: Bool
    ) throws(VirtqueueError) -> End {
        // The driver may have begun anew with this queue.
        if let first = buffers.first, !queue.owns(first.chain) { reset() }
        for _ in 0..<Self.turn {
            if unfinished > 0 {
                guard try finish(queue) else { return .starved }
                continue
            }
            try takeBuffers(queue, for: isMergeable ? expected : 1)
            guard !buffers.isEmpty else { return .starved }
            let result = port.receive(into: pieces, overflow: overflow)
            guard result >= 0 else {
                switch Errno(rawValue: CInt(-result)) {
                case .resourceTemporarilyUnavailable: return .empty
                case .interrupted: continue
                case .badAddress: throw .memory(pieces.inaccessiblePiece)
                default:
                    problem = result
                    return .empty
                }
            }
            problem = 0
            let count = UInt64(result)
            // Less than a header is no frame; without merging, what is longer than its chain is none for this guest.
            guard count >= Self.headerLength, isMergeable || count <= pieces.byteCount else { continue }
            expect(count)
            if count > pieces.byteCount {
                unfinished = count
                stored = pieces.byteCount
            } else {
                try deliver(count, queue)
            }
        }
        return .turnOver
    }

    /// Takes chains until they have room for so many bytes, as far as there are any.
    private mutating func takeBuffers(_ queue: SplitQueue, for count: UInt64) throws(VirtqueueError) {
        while pieces.byteCount < count, pieces.count < Self.mostPieces, let chain = try queue.nextChain() {
            guard chain.writableLength >= Self.headerLength else {
                throw .buffersTooShort(needed: Self.headerLength, available: chain.writableLength)
            }
            var places = (GuestAddress(0), GuestAddress(0))
            var isFirst = true
            try queue.forEachWritablePiece(of: chain, at: Self.countOffset, count: 2) { piece in
                if isFirst { places.0 = piece.address }
                // It is followed by the other byte, or that is in the next piece.
                places.1 = GuestAddress(piece.address.rawValue + piece.count - 1)
                isFirst = false
            }
            try queue.forEachWritablePiece(of: chain, at: 0, count: chain.writableLength) {
                (piece) throws(VirtqueueError) in
                do throws(GuestMemoryError) {
                    try pieces.append(piece.address, count: piece.count)
                } catch {
                    throw .memory(error)
                }
            }
            buffers.append(Buffer(chain: chain, lowCount: places.0, highCount: places.1))
            descriptors += chain.writableCount + chain.readableCount
        }
    }

    /// Goes on with a frame for which there were too few buffers.
    ///
    /// - Returns: whether that is over.
    private mutating func finish(_ queue: SplitQueue) throws(VirtqueueError) -> Bool {
        try takeBuffers(queue, for: unfinished)
        let count = unfinished
        guard pieces.byteCount >= count else {
            guard descriptors >= queue.size || pieces.count >= Self.mostPieces else { return false }
            // The guest has given all that it has, and it does not do: the frame is lost, or nothing would go on.
            unfinished = 0
            return true
        }
        do throws(GuestMemoryError) {
            try pieces.store(overflow, count: Int(count - stored), at: stored)
        } catch {
            throw .memory(error)
        }
        unfinished = 0
        try deliver(count, queue)
        return true
    }

    /// Gives back the buffers that a frame has filled, all at once.
    private mutating func deliver(_ count: UInt64, _ queue: SplitQueue) throws(VirtqueueError) {
        var left = count
        var used = 0
        var room: UInt64 = 0
        while left > 0 {
            let chain = buffers[used].chain
            let part = min(left, chain.writableLength)
            try queue.stage(chain, written: UInt32(part))
            left -= part
            room += chain.writableLength
            descriptors -= chain.writableCount + chain.readableCount
            used += 1
        }
        do throws(GuestMemoryError) {
            try queue.memory.store(UInt8(truncatingIfNeeded: used), at: buffers[0].lowCount)
            try queue.memory.store(UInt8(truncatingIfNeeded: used >> 8), at: buffers[0].highCount)
        } catch {
            throw .memory(error)
        }
        try queue.publish()
        buffers.removeFirst(used)
        pieces.removeFirst(room)
    }

    /// Learns how long frames are.
    private mutating func expect(_ count: UInt64) {
        if count > expected {
            expected = Self.longestFrame
            shortOnes = 0
        } else if count > Self.shortFrame {
            shortOnes = 0
        } else if shortOnes < Self.memory {
            shortOnes += 1
            if shortOnes == Self.memory { expected = Self.shortFrame }
        }
    }
}
