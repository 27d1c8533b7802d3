import Devices
import GuestMemory

/// A host program at the end of a connection, as the input says. All of this is one thread's.
final class FuzzStream: VsockStream, @unchecked Sendable {
    private let memory: GuestMemory
    /// Bytes that it has to send, and takes.
    var supply = 0
    var room = 0
    var isSupplyOver = false
    var refuses = false
    var isHungUp = false
    var isBroken = false
    /// Bytes that it took.
    private(set) var taken = 0
    private(set) var isClosed = false
    private var isSendingOver = false

    init(memory: GuestMemory) {
        self.memory = memory
    }

    func close() {
        require(!isClosed, "a stream is closed once")
        isClosed = true
    }

    func receive(into vectors: GuestVectors) -> VsockTransfer {
        require(!isClosed, "a stream that is closed is left alone")
        if isBroken { return .broken }
        guard supply > 0 else { return isSupplyOver ? .ended : .wouldBlock }
        var done = 0
        for piece in vectors.pieces where supply > 0 {
            let count = min(piece.iov_len, supply)
            guard let address = place(of: piece.iov_base),
                (try? memory.fill(at: address, count: UInt64(count), with: 0x5a)) != nil
            else {
                return done > 0 ? .bytes(done) : .badMemory
            }
            done += count
            supply -= count
        }
        require(done > 0, "who receives has room")
        return .bytes(done)
    }

    func send(_ vectors: GuestVectors) -> VsockTransfer {
        var count = 0
        for piece in vectors.pieces {
            guard let address = place(of: piece.iov_base), (try? memory.read(piece.iov_len, at: address)) != nil else {
                return .badMemory
            }
            count += piece.iov_len
        }
        return take(count)
    }

    func send(_ bytes: RawSpan) -> VsockTransfer { take(bytes.byteCount) }

    func shutDown(receiving: Bool, sending: Bool) {
        require(!isClosed, "a stream that is closed is left alone")
        isSendingOver = isSendingOver || sending
    }

    private func take(_ count: Int) -> VsockTransfer {
        require(!isClosed, "a stream that is closed is left alone")
        require(!isSendingOver, "nothing comes behind the end")
        require(count > 0, "who sends has something")
        if isBroken { return .broken }
        if refuses { return .ended }
        let done = min(count, room)
        guard done > 0 else { return .wouldBlock }
        room -= done
        taken += done
        require(!(hasPlantedBug && taken == 37), "no program takes 37 bytes")
        return .bytes(done)
    }

    private func place(of pointer: UnsafeMutableRawPointer?) -> GuestAddress? {
        memory.location(ofHostAddress: UInt64(UInt(bitPattern: pointer)))?.address
    }
}
