import Virtio

/// What stands before the bytes of a packet (virtio specification, 5.10.6: `struct virtio_vsock_hdr`). Unchecked.
struct VsockHeader: Equatable {
    var sourceCID: UInt64
    var destinationCID: UInt64
    var sourcePort: UInt32
    var destinationPort: UInt32
    /// Bytes that follow.
    var length: UInt32 = 0
    var type: UInt16 = stream
    var operation: UInt16
    var flags: UInt32 = 0
    /// How many bytes the sender has room for (`buf_alloc`).
    var allocation: UInt32 = 0
    /// How many bytes that it received the sender has passed on, modulo 2^32 (`fwd_cnt`).
    var forwarded: UInt32 = 0

    static let byteCount: UInt64 = 44
    /// VIRTIO_VSOCK_TYPE_STREAM.
    static let stream: UInt16 = 1
    /// The host's context identifier (VMADDR_CID_HOST).
    static let hostCID: UInt64 = 2
}

extension VsockHeader {
    /// Reads it from the beginning of a chain, each byte once.
    ///
    /// - Throws: `buffersTooShort`, `memory`.
    init(of chain: DescriptorChain, _ queue: SplitQueue) throws(VirtqueueError) {
        guard chain.readableLength >= Self.byteCount else {
            throw .buffersTooShort(needed: Self.byteCount, available: chain.readableLength)
        }
        var words: [6 of UInt64] = .init(repeating: 0)
        var span = words.mutableSpan
        var bytes = unsafe span.mutableBytes
        var header = bytes._mutatingExtracting(first: Int(Self.byteCount))
        try queue.read(into: &header, at: 0, of: chain)
        let (ports, what, details) = (words[2], words[3], words[4])
        sourceCID = words[0]
        destinationCID = words[1]
        forwarded = UInt32(truncatingIfNeeded: words[5])
        sourcePort = UInt32(truncatingIfNeeded: ports)
        destinationPort = UInt32(truncatingIfNeeded: ports >> 32)
        length = UInt32(truncatingIfNeeded: what)
        type = UInt16(truncatingIfNeeded: what >> 32)
        operation = UInt16(truncatingIfNeeded: what >> 48)
        flags = UInt32(truncatingIfNeeded: details)
        allocation = UInt32(truncatingIfNeeded: details >> 32)
    }

    /// Writes it to the beginning of a chain, in one piece: there is one for each packet.
    func store(to chain: DescriptorChain, _ queue: SplitQueue) throws(VirtqueueError) {
        let words: [6 of UInt64] = [
            sourceCID, destinationCID, UInt64(sourcePort) | UInt64(destinationPort) << 32,
            UInt64(length) | UInt64(type) << 32 | UInt64(operation) << 48, UInt64(flags) | UInt64(allocation) << 32,
            UInt64(forwarded),
        ]
        let bytes = unsafe words.span.bytes
        try queue.write(bytes.extracting(first: Int(Self.byteCount)), at: 0, of: chain)
    }

    /// How many bytes this packet has that follow those of another one, which has some; nil where it is for something else.
    func count(continuing other: VsockHeader) -> UInt32? {
        guard
            type == other.type, sourceCID == other.sourceCID, destinationCID == other.destinationCID,
            sourcePort == other.sourcePort, destinationPort == other.destinationPort
        else { return nil }
        return switch VsockOperation(rawValue: operation) {
        case .data: length
        case .creditUpdate: 0
        default: nil
        }
    }

    /// The packet that tells its sender that there is no such connection.
    var rejection: VsockHeader {
        VsockHeader(
            sourceCID: destinationCID, destinationCID: sourceCID, sourcePort: destinationPort,
            destinationPort: sourcePort, type: type, operation: VsockOperation.reset.rawValue)
    }
}
