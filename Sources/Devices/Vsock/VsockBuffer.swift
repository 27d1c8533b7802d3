import GuestMemory
import Virtio

/// Bytes that a program does not take as fast as its guest sends them. It has memory only while it has bytes.
struct VsockBuffer {
    private var storage: [UInt8] = []
    /// Those before have gone out already.
    private var first = 0

    /// What is cleared away at once, where it is less than half of all, rather than with each byte that goes out.
    private static let clearance = 1 << 16

    var count: Int { storage.count - first }
    var isEmpty: Bool { storage.isEmpty }

    /// Appends a part of what a chain has to read.
    mutating func append(
        _ chain: DescriptorChain, at offset: UInt64, count: UInt64, of queue: SplitQueue
    ) throws(VirtqueueError) {
        try queue.forEachReadablePiece(of: chain, at: offset, count: count) { (piece) throws(VirtqueueError) in
            do throws(GuestMemoryError) {
                try queue.memory.read(Int(piece.count), at: piece.address, appendingTo: &storage)
            } catch {
                throw .memory(error)
            }
        }
    }

    /// Sends what the program takes.
    ///
    /// - Returns: how many bytes went out, and what the last attempt came to where some are left.
    mutating func send(to stream: any VsockStream) -> (count: Int, result: VsockTransfer) {
        var done = 0
        while first < storage.count {
            let result = stream.send(unsafe storage.span.extracting(first..<storage.count).bytes)
            guard case .bytes(let count) = result else {
                clearAway()
                return (done, result)
            }
            done += count
            first += count
        }
        removeAll()
        return (done, .wouldBlock)
    }

    mutating func removeAll() {
        storage = []
        first = 0
    }

    private mutating func clearAway() {
        guard first >= min(Self.clearance, max(1, storage.count / 2)) else { return }
        storage.removeFirst(first)
        first = 0
    }
}
