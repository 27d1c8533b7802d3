import GuestMemory

extension SplitQueue {
    /// A descriptor as read (virtio specification, 2.7.5).
    private struct Descriptor {
        static let size: UInt64 = 16

        let address: UInt64
        /// Length in the low half, then flags, then next.
        let rest: UInt64

        var length: UInt32 { UInt32(truncatingIfNeeded: rest) }
        var hasNext: Bool { rest >> 32 & 1 != 0 }
        var isWritable: Bool { rest >> 32 & 2 != 0 }
        var isIndirect: Bool { rest >> 32 & 4 != 0 }
        var next: UInt16 { UInt16(truncatingIfNeeded: rest >> 48) }
    }

    private enum Table {
        case own
        case indirect(GuestMemorySlice)
        /// Rare, and slower: the table begins in one region of guest memory and ends in another.
        case indirectAcrossRegions(GuestBuffer)
    }

    /// Walks a chain once, keeps its buffers and checks that they follow the rules. Its length is bounded by the queue's.
    func walk(from head: UInt16) throws(VirtqueueError) -> DescriptorChain {
        let first = bufferCount
        var table = Table.own
        var index = head
        var count = 0
        var readableCount = 0
        var readable: UInt64 = 0
        var writable: UInt64 = 0
        while true {
            let descriptor = try load(index, of: table)
            if descriptor.isIndirect {
                table = try indirectTable(of: descriptor, in: table)
                index = 0
                continue
            }
            guard count < size else { throw .chainTooLong(maximum: size) }
            let buffer = GuestBuffer(
                address: GuestAddress(descriptor.address), count: UInt64(descriptor.length))
            if descriptor.isWritable {
                writable += buffer.count
            } else {
                guard readableCount == count else { throw .readableAfterWritable }
                readableCount += 1
                readable += buffer.count
            }
            guard memory.contains(buffer.address, count: buffer.count) else {
                throw .memory(.unmapped(buffer.address, count: buffer.count))
            }
            buffers[first + count] = buffer
            count += 1
            guard descriptor.hasNext else { break }
            index = descriptor.next
        }
        guard readable + writable <= 1 << 32 else { throw .chainTooLarge }
        bufferCount = first + count
        return DescriptorChain(
            head: head, readableCount: readableCount, writableCount: count - readableCount, readableLength: readable,
            writableLength: writable, epoch: epoch, firstBuffer: first, serial: serial)
    }

    private func indirectTable(of descriptor: Descriptor, in table: Table) throws(VirtqueueError) -> Table {
        guard usesIndirect else { throw .indirectNotNegotiated }
        guard case .own = table else { throw .nestedIndirect }
        guard !descriptor.hasNext else { throw .indirectWithNext }
        let length = descriptor.length
        guard length > 0, UInt64(length) % Descriptor.size == 0 else { throw .invalidIndirectLength(length) }
        let buffer = GuestBuffer(address: GuestAddress(descriptor.address), count: UInt64(length))
        if let slice = try? memory.slice(at: buffer.address, count: buffer.count) { return .indirect(slice) }
        guard memory.contains(buffer.address, count: buffer.count) else {
            throw .memory(.unmapped(buffer.address, count: buffer.count))
        }
        return .indirectAcrossRegions(buffer)
    }

    private func load(_ index: UInt16, of table: Table) throws(VirtqueueError) -> Descriptor {
        let byteCount =
            switch table {
            case .own: descriptorTable.count
            case .indirect(let slice): slice.count
            case .indirectAcrossRegions(let buffer): buffer.count
            }
        let offset = UInt64(index) * Descriptor.size
        guard offset < byteCount else {
            throw .descriptorIndexOutOfRange(index, size: UInt32(byteCount / Descriptor.size))
        }
        do {
            switch table {
            case .own:
                return try load(at: offset, in: descriptorTable)
            case .indirect(let slice):
                return try load(at: offset, in: slice)
            case .indirectAcrossRegions(let buffer):
                // No overflow: the whole table was found in guest memory.
                let first = GuestAddress(buffer.address.rawValue + offset)
                let second = GuestAddress(buffer.address.rawValue + offset + 8)
                return Descriptor(
                    address: try memory.load(GuestBuffer(address: first, count: 8)),
                    rest: try memory.load(GuestBuffer(address: second, count: 8)))
            }
        } catch {
            throw .memory(error)
        }
    }

    private func load(at offset: UInt64, in table: GuestMemorySlice) throws(GuestMemoryError) -> Descriptor {
        let (address, rest) = try table.loadPair(at: offset)
        return Descriptor(address: address, rest: rest)
    }
}
