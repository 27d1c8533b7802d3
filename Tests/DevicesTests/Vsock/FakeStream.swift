import Devices
import Glibc
import GuestMemory

/// A host program, as the test plays it.
final class FakeStream: VsockStream, @unchecked Sendable {
    /// What the program has sent, and the device has not received.
    var incoming: [UInt8] = []
    /// Whether the program sends no more.
    var isIncomingOver = false
    /// What the device has sent.
    private(set) var outgoing: [UInt8] = []
    /// How many more bytes the program takes for now.
    var room = Int.max
    /// Whether the program receives no more.
    var isOutgoingRefused = false
    var isHungUp = false
    var isBroken = false
    /// What the device does not do any more.
    private(set) var isReceivingOver = false
    private(set) var isSendingOver = false
    /// Pieces are received one at a time at most that large.
    var most = Int.max
    /// How often the device asked for bytes and got some, and how often it sent some.
    private(set) var receptions = 0
    private(set) var transmissions = 0

    /// The program closes its end.
    func hangUp() {
        isIncomingOver = true
        isOutgoingRefused = true
        isHungUp = true
    }

    /// What was sent to the program behind the line that says that it is connected.
    var data: ArraySlice<UInt8> {
        guard outgoing.starts(with: "OK ".utf8), let end = outgoing.firstIndex(of: 10) else { return outgoing[...] }
        return outgoing[(end + 1)...]
    }

    func receive(into vectors: GuestVectors) -> VsockTransfer {
        if isBroken { return .broken }
        guard !incoming.isEmpty else { return isIncomingOver ? .ended : .wouldBlock }
        var done = 0
        for piece in vectors.pieces {
            let count = min(piece.iov_len, incoming.count - done, most - done)
            incoming.withUnsafeBytes { bytes in
                UnsafeMutableRawBufferPointer(start: piece.iov_base, count: count)
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[done..<done + count]))
            }
            done += count
        }
        incoming.removeFirst(done)
        receptions += 1
        return .bytes(done)
    }

    func send(_ vectors: GuestVectors) -> VsockTransfer {
        var bytes: [UInt8] = []
        for piece in vectors.pieces {
            bytes += UnsafeRawBufferPointer(start: piece.iov_base, count: piece.iov_len)
        }
        return take(bytes)
    }

    func send(_ bytes: RawSpan) -> VsockTransfer {
        take(bytes.withUnsafeBytes { Array($0) })
    }

    private func take(_ bytes: [UInt8]) -> VsockTransfer {
        if isBroken { return .broken }
        if isOutgoingRefused { return .ended }
        precondition(!isSendingOver, "bytes behind the end")
        let count = min(room, bytes.count)
        guard count > 0 else { return .wouldBlock }
        room -= count
        transmissions += 1
        outgoing += bytes.prefix(count)
        return .bytes(count)
    }

    func shutDown(receiving: Bool, sending: Bool) {
        isReceivingOver = isReceivingOver || receiving
        isSendingOver = isSendingOver || sending
    }
}
