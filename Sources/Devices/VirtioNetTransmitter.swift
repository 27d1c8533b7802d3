import GuestMemory
import SystemPackage
import Virtio

/// The transmitting queue of a pair: frames go from the guest's buffers straight to the port, a system call each.
///
/// Where the port has no room, the frame and all behind it wait: the guest sees a full queue, as with a slow wire.
/// What the host refuses is lost, as on a wire.
struct VirtioNetTransmitter {
    /// The shortest frame with its header: Ethernet's own header and nothing in it.
    private static let shortestFrame = VirtioNetReceiver.headerLength + 14

    private let pieces: GuestVectors
    /// The frame in `pieces`, for which the port had no room.
    private var waiting: DescriptorChain?

    /// What the port last said went wrong, as a negated `errno`; 0 where it took the frame.
    private(set) var problem = 0

    init(memory: GuestMemory) {
        pieces = GuestVectors(of: memory)
    }

    /// Whether the port has no room for what is to be sent.
    var isWaiting: Bool { waiting != nil }

    mutating func reset() {
        waiting = nil
    }

    /// Sends what the guest has, as far as there is room.
    mutating func send(_ queue: SplitQueue, to port: any NetworkPort) throws(VirtqueueError) {
        if let chain = waiting {
            // The driver may have begun anew with this queue.
            if queue.owns(chain) {
                guard try send(chain, queue, to: port) else { return }
            }
            waiting = nil
        }
        while let chain = try queue.nextChain() {
            try collect(chain, queue)
            guard try send(chain, queue, to: port) else {
                waiting = chain
                return
            }
        }
    }

    private func collect(_ chain: DescriptorChain, _ queue: SplitQueue) throws(VirtqueueError) {
        let length = chain.readableLength
        guard length >= Self.shortestFrame else {
            throw .buffersTooShort(needed: Self.shortestFrame, available: length)
        }
        guard length <= VirtioNetReceiver.longestFrame else {
            throw .buffersTooLong(length, maximum: VirtioNetReceiver.longestFrame)
        }
        pieces.removeAll()
        try queue.forEachReadablePiece(of: chain, at: 0, count: length) { (piece) throws(VirtqueueError) in
            do throws(GuestMemoryError) {
                try pieces.append(piece.address, count: piece.count)
            } catch {
                throw .memory(error)
            }
        }
    }

    /// - Returns: false where the port has no room.
    private mutating func send(
        _ chain: DescriptorChain, _ queue: SplitQueue, to port: any NetworkPort
    ) throws(VirtqueueError) -> Bool {
        var result: Int
        repeat {
            result = port.send(pieces)
        } while result == -Int(Errno.interrupted.rawValue)
        problem = min(result, 0)
        if result < 0 {
            switch Errno(rawValue: CInt(-result)) {
            case .resourceTemporarilyUnavailable:
                problem = 0
                return false
            case .badAddress: throw .memory(pieces.inaccessiblePiece)
            default: break
            }
        }
        try queue.complete(chain, written: 0)
        return true
    }
}
