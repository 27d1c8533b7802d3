import Virtio

/// A descriptor chain as the virtio specification describes it (2.7), written for clarity and with none of the code that
/// is tested.
struct ReferenceChain {
    struct Buffer: Equatable {
        let address: UInt64
        let count: UInt64
        let isWritable: Bool
    }

    private(set) var buffers: [Buffer] = []

    var readable: [Buffer] { buffers.filter { !$0.isWritable } }
    var writable: [Buffer] { buffers.filter(\.isWritable) }

    static func length(_ buffers: [Buffer]) -> UInt64 { buffers.reduce(0) { $0 + $1.count } }

    /// - Returns: nil for a chain that breaks a rule, or that can't be read.
    init?(from head: UInt16, of setup: QueueSetup, usesIndirect: Bool, in memory: FuzzMemory) {
        var table = setup.descriptorTable
        var tableSize = UInt64(setup.size)
        var isInTable = false
        var index = UInt64(head)
        while true {
            guard index < tableSize, let address = memory.load(table + 16 * index, bytes: 8),
                let rest = memory.load(table + 16 * index + 8, bytes: 8)
            else { return nil }
            let (length, flags, next) = (rest & 0xffff_ffff, rest >> 32 & 0xffff, rest >> 48)
            if flags & 4 != 0 {
                guard usesIndirect, !isInTable, flags & 1 == 0, length > 0, length % 16 == 0,
                    FuzzMemory.contains(address, length)
                else { return nil }
                (table, tableSize, isInTable, index) = (address, length / 16, true, 0)
                continue
            }
            buffers.append(Buffer(address: address, count: length, isWritable: flags & 2 != 0))
            guard buffers.count <= Int(setup.size), FuzzMemory.contains(address, length) else { return nil }
            guard flags & 1 != 0 else { break }
            index = next
        }
        guard !zip(buffers, buffers.dropFirst()).contains(where: { $0.isWritable && !$1.isWritable }),
            Self.length(buffers) <= 1 << 32
        else { return nil }
        if hasPlantedBug, isInTable, buffers.count > 1 {
            buffers.removeLast()
        }
    }

    /// The pieces of a range of bytes, without empty ones.
    static func pieces(of buffers: [Buffer], at offset: UInt64, count: UInt64) -> [GuestPiece] {
        var pieces: [GuestPiece] = []
        var start: UInt64 = 0
        for buffer in buffers {
            let from = max(offset, start)
            let to = min(offset + count, start + buffer.count)
            if from < to { pieces.append(GuestPiece(address: buffer.address + (from - start), count: to - from)) }
            start += buffer.count
        }
        return pieces
    }
}

/// Bytes that follow each other in guest memory.
struct GuestPiece: Equatable {
    let address: UInt64
    let count: UInt64

    var addresses: Range<UInt64> { address..<address + count }
}
