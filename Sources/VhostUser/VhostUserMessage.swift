/// A message of a front-end, and the bytes that it is made of. All numbers are little-endian: those of the one machine
/// that both processes run on.
public struct VhostUserMessage: Sendable, Equatable {
    public let request: VhostUserRequest
    /// Whether the back-end is to say that it has done it (REPLY_ACK).
    public var needsReply = false
    public let payload: [UInt8]

    /// Bytes before the payload.
    public static let headerSize = 12
    /// The version of the protocol, in the two lowest bits of the flags.
    private static let version: UInt32 = 1
    private static let versionMask: UInt32 = 3
    private static let replyFlag: UInt32 = 4
    private static let needReplyFlag: UInt32 = 8

    public init(_ request: VhostUserRequest, _ payload: [UInt8] = []) {
        self.request = request
        self.payload = payload
    }

    /// A message whose payload is one number.
    public init(_ request: VhostUserRequest, number: UInt64) {
        self.init(request, encode { $0.add(number) })
    }

    /// A message about a queue, with a number of 32 bits.
    public init(_ request: VhostUserRequest, queue index: Int, _ number: UInt32 = 0) {
        self.init(
            request,
            encode {
                $0.add(UInt32(index))
                $0.add(number)
            })
    }

    /// SET_VRING_ADDR: addresses are those of the front-end's process, which here are guest-physical ones.
    public init(queue index: Int, descriptorTable: UInt64, usedRing: UInt64, availableRing: UInt64) {
        self.init(
            .setQueueAddresses,
            encode {
                $0.add(UInt32(index))
                // No logging: neither flags nor an address for that.
                $0.add(0 as UInt32)
                $0.add(descriptorTable)
                $0.add(usedRing)
                $0.add(availableRing)
                $0.add(0 as UInt64)
            })
    }

    /// SET_MEM_TABLE. Each part's file goes along, in their order.
    public init(memoryTable parts: [VhostUserMemoryPart]) {
        self.init(
            .setMemoryTable,
            encode {
                $0.add(UInt32(parts.count))
                $0.add(0 as UInt32)
                for part in parts { $0.add(part) }
            })
    }

    /// ADD_MEM_REG, with the part's file, or REM_MEM_REG, without.
    public init(_ request: VhostUserRequest, _ part: VhostUserMemoryPart) {
        self.init(
            request,
            encode {
                $0.add(0 as UInt64)
                $0.add(part)
            })
    }

    /// The bytes to send.
    public var bytes: [UInt8] {
        encode {
            $0.add(request.rawValue)
            $0.add(Self.version | (needsReply ? Self.needReplyFlag : 0))
            $0.add(UInt32(payload.count))
        } + payload
    }

    /// Checks the header of an answer.
    ///
    /// - Parameters:
    ///   - header: `headerSize` bytes.
    ///   - size: bytes of the payload that it must have.
    public static func checkReply(
        header: [UInt8], to request: VhostUserRequest, size: Int
    ) throws(VhostUserError) {
        let words = [0, 4, 8].map { number(header, at: $0, bytes: 4) }
        let flags = UInt32(words[1])
        guard words[0] == UInt64(request.rawValue), flags & versionMask == version, flags & replyFlag != 0,
            words[2] == UInt64(size)
        else {
            throw .wrongReply(request)
        }
    }

    /// The number in some bytes of an answer.
    static func number(_ bytes: [UInt8], at offset: Int = 0, bytes count: Int = 8) -> UInt64 {
        bytes[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// Bytes in the making.
private func encode(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
    var writer = ByteWriter()
    body(&writer)
    return writer.bytes
}

private struct ByteWriter {
    var bytes: [UInt8] = []

    mutating func add(_ number: some FixedWidthInteger & UnsignedInteger) {
        for index in 0..<(number.bitWidth / 8) {
            bytes.append(UInt8(truncatingIfNeeded: number >> (8 * index)))
        }
    }

    mutating func add(_ part: VhostUserMemoryPart) {
        add(part.guestAddress)
        add(part.size)
        add(part.guestAddress)
        add(part.fileOffset)
    }
}
