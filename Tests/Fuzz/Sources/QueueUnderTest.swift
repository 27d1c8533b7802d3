import GuestMemory

@testable import Virtio

/// A queue, and what a reader of the specification expects of it.
final class QueueUnderTest {
    /// A chain that was taken, with its buffers as they were then.
    struct Taken {
        let chain: DescriptorChain
        let reference: ReferenceChain
    }

    let setup: QueueSetup
    private let queue: SplitQueue
    private let memory: FuzzMemory
    private let usesIndirect: Bool
    private let usesEventIndex: Bool
    /// The newest chains, also of queues before this one; the very newest is the last.
    private var chains: [Taken]
    /// What the chains have in common whose buffers are known.
    private var serial: UInt64?
    /// How many buffers they have together.
    private var together = 0
    /// How many of the newest chains can be put back.
    private var open = 0

    private var taken: UInt16 = 0
    private var used: UInt16 = 0
    private var unannounced: UInt32 = 0
    private var budget = UInt32.max
    /// The available index, as the queue knows it.
    private var known: UInt16 = 0
    private var suppressesNotifications = false
    /// Whether what the device writes to its ring can't change what it reads from the other.
    private let ringsAreApart: Bool

    init(_ queue: SplitQueue, setup: QueueSetup, features: UInt64, memory: FuzzMemory, previous: QueueUnderTest?) {
        self.queue = queue
        self.setup = setup
        self.memory = memory
        usesIndirect = features & VirtioFeature.indirectDescriptors != 0
        usesEventIndex = features & VirtioFeature.eventIndex != 0
        chains = previous?.chains ?? []
        let (available, used) = (VirtqueuePart.availableRing, VirtqueuePart.usedRing)
        ringsAreApart =
            setup.availableRing + available.byteCount(queueSize: setup.size) <= setup.usedRing
            || setup.usedRing + used.byteCount(queueSize: setup.size) <= setup.availableRing
    }

    private var availableIndexAddress: UInt64 { setup.availableRing + 2 }
    private var usedEventAddress: UInt64 { setup.availableRing + 4 + 2 * UInt64(setup.size) }
    /// Where the device says when it wants to be notified.
    private var notificationAddress: UInt64 {
        usesEventIndex ? setup.usedRing + 4 + 8 * UInt64(setup.size) : setup.usedRing
    }

    /// Makes one call.
    ///
    /// - Returns: whether the queue may be used still.
    func call(_ operation: UInt8, _ input: inout InputReader) -> Bool {
        switch operation {
        case 0..<3: return takeChain(alone: true)
        case 3, 4: return takeChain(alone: false)
        case 5: checkLoad(&input)
        case 6: checkStore(&input)
        case 7, 8, 9: return complete(&input)
        case 10: return checkInterrupt()
        case 11:
            queue.beginTurn()
            budget = UInt32(setup.size)
        case 12: putBack(&input)
        default: checkPieces(&input)
        }
        return true
    }

    // MARK: Taking chains

    /// - Parameter alone: whether the buffers of other chains may be forgotten.
    private func takeChain(alone: Bool) -> Bool {
        let head = memory.loadUInt16(setup.availableRing + 4 + 2 * UInt64(taken & (setup.size - 1)))
        do {
            let chain = alone ? try queue.nextChain() : try queue.anotherChain()
            guard alone || together <= Int(setup.size) else {
                require(chain == nil, "there is no room for the buffers of many long chains")
                return true
            }
            updateIndex(foundOne: chain != nil)
            if let chain {
                check(chain)
                together = (alone ? 0 : together) + chain.readableCount + chain.writableCount
                require(alone || serial == nil || serial == chain.serial, "chains are taken together")
                require(!alone || serial != chain.serial, "a chain is taken alone")
                serial = chain.serial
                open += 1
            } else if budget > 0 {
                require(memory.loadUInt16(availableIndexAddress) == taken, "chains that are there are taken")
            }
            return true
        } catch {
            require(error != .staleChain, "taking a chain needs none")
            let reason = reasonToRefuse(head: head)
            require(reason, "only what breaks a rule is refused: \(error), \(setup)")
            return false
        }
    }

    /// The queue looks at the ring when it has taken all that it knew of, and says whether it wants to be notified.
    private func updateIndex(foundOne: Bool) {
        guard ringsAreApart, known == taken, let index = memory.loadUInt16(availableIndexAddress) else { return }
        known = index
        require(index &- taken <= setup.size, "an available index is at most the queue size ahead")
        let notification = memory.loadUInt16(notificationAddress)
        if index == taken {
            require(!foundOne, "there is no chain to be found")
            if usesEventIndex {
                require(notification == taken, "an empty queue asks to be notified of the next chain")
            } else if suppressesNotifications {
                require(notification == 0, "an empty queue asks to be notified")
                suppressesNotifications = false
            }
        } else if !usesEventIndex, !suppressesNotifications {
            require(notification == 1, "a queue at work does not ask to be notified")
            suppressesNotifications = true
        }
    }

    private func check(_ chain: DescriptorChain) {
        let head = memory.loadUInt16(setup.availableRing + 4 + 2 * UInt64(taken & (setup.size - 1)))
        require(budget > 0, "a queue takes no more than its turn")
        require(chain.head == head, "the next chain is the next in the ring")
        guard let head, let reference = ReferenceChain(from: head, of: setup, usesIndirect: usesIndirect, in: memory)
        else {
            require(false, "a chain that breaks a rule is refused")
            return
        }
        require(
            chain.readableCount == reference.readable.count && chain.writableCount == reference.writable.count
                && chain.readableLength == ReferenceChain.length(reference.readable)
                && chain.writableLength == ReferenceChain.length(reference.writable),
            "a chain has its buffers: \(chain), \(reference)")
        taken &+= 1
        budget -= 1
        chains = chains.suffix(3) + [Taken(chain: chain, reference: reference)]
    }

    /// What was not needed is there again.
    private func putBack(_ input: inout InputReader) {
        let count = min(Int(input.uint8() & 3), open, chains.count)
        guard count > 0 else { return }
        let first = chains[chains.count - count].chain
        queue.putBack(from: first, count: count)
        together = first.firstBuffer
        open -= count
        taken &-= UInt16(count)
        budget += UInt32(count)
        chains.removeLast(count)
    }

    private func reasonToRefuse(head: UInt16?) -> Bool {
        if !ringsAreApart || known == taken {
            guard let index = memory.loadUInt16(availableIndexAddress), index &- taken <= setup.size,
                memory.loadUInt16(notificationAddress) != nil
            else { return true }
        }
        // What the device wrote may have changed the ring.
        let now = memory.loadUInt16(setup.availableRing + 4 + 2 * UInt64(taken & (setup.size - 1)))
        guard let head, let now, head == now || !ringsAreApart else { return true }
        return ReferenceChain(from: now, of: setup, usesIndirect: usesIndirect, in: memory) == nil
    }

    // MARK: Completing them

    private func complete(_ input: inout InputReader) -> Bool {
        let back = Int(input.uint8() & 3)
        guard back < chains.count else { return true }
        let which = chains[chains.count - 1 - back]
        // Those that are newer can still be put back.
        open = min(open, back)
        let written = input.length()
        let entry = setup.usedRing + 4 + 8 * UInt64(used & (setup.size - 1))
        let before = memory.loadUInt16(setup.usedRing + 2)
        do {
            try queue.complete(which.chain, written: written)
            guard which.chain.epoch == queue.epoch else {
                require(memory.loadUInt16(setup.usedRing + 2) == before, "chains of former queues are dropped")
                return true
            }
            used &+= 1
            unannounced += 1
            require(memory.loadUInt16(setup.usedRing + 2) == used, "the used index counts")
            require(
                memory.load(entry, bytes: 8) == UInt64(which.chain.head) | UInt64(written) << 32,
                "the used ring says what was done")
            return true
        } catch {
            require(
                memory.load(entry, bytes: 8) == nil || before == nil,
                "a ring that is accessible can be written: \(error)")
            return false
        }
    }

    private func checkInterrupt() -> Bool {
        let field = memory.loadUInt16(usesEventIndex ? usedEventAddress : setup.availableRing)
        do {
            let answer = try queue.needsInterrupt()
            if unannounced == 0 {
                require(!answer, "there is nothing to interrupt for")
            } else if let field {
                // vring_need_event() of the specification, 2.7.7.1.
                let isPassed = used &- field &- 1 < UInt16(truncatingIfNeeded: unannounced)
                require(answer == (usesEventIndex ? isPassed : field & 1 == 0), "the driver says when to interrupt")
            } else {
                require(false, "the driver's wish can't be read")
            }
            unannounced = 0
            return true
        } catch {
            require(field == nil && unannounced > 0, "the driver's wish can be read")
            return false
        }
    }

    // MARK: Buffers

    private func select(_ input: inout InputReader) -> Taken? {
        let back = Int(input.uint8() & 3)
        return back < chains.count ? chains[chains.count - 1 - back] : nil
    }

    /// Whether its buffers may be used: those of the newest only, and of those taken together with it.
    private func isCurrent(_ which: Taken) -> Bool {
        which.chain.epoch == queue.epoch && which.chain.serial == serial
    }

    private func checkLoad(_ input: inout InputReader) {
        guard let which = select(&input) else { return }
        let size = UInt64(1) << UInt64(input.uint8() & 3)
        let offset = input.uint8() == 0xff ? input.uint64() : UInt64(input.length())
        let outcome = outcome { () throws(VirtqueueError) in
            switch size {
            case 1: UInt64(try queue.loadUInt8(at: offset, of: which.chain))
            case 2: UInt64(try queue.loadUInt16(at: offset, of: which.chain))
            case 4: UInt64(try queue.loadUInt32(at: offset, of: which.chain))
            default: try queue.loadUInt64(at: offset, of: which.chain)
            }
        }
        guard let pieces = expectPieces(which, writable: false, offset, size, outcome) else { return }
        var value: UInt64 = 0
        for (index, address) in pieces.flatMap(\.addresses).enumerated() {
            guard let byte = memory[address] else {
                require(outcome.isInaccessible, "what is not accessible can't be read")
                return
            }
            value |= UInt64(byte) << (8 * index)
        }
        require(outcome.value == value, "what is read is what is there")
    }

    private func checkStore(_ input: inout InputReader) {
        guard let which = select(&input) else { return }
        let size = UInt64(1) << UInt64(input.uint8() & 3)
        let offset = input.uint8() == 0xff ? input.uint64() : UInt64(input.length())
        let value = input.uint64()
        let outcome = outcome { () throws(VirtqueueError) in
            switch size {
            case 1: try queue.store(UInt8(truncatingIfNeeded: value), at: offset, of: which.chain)
            case 2: try queue.store(UInt16(truncatingIfNeeded: value), at: offset, of: which.chain)
            case 4: try queue.store(UInt32(truncatingIfNeeded: value), at: offset, of: which.chain)
            default: try queue.store(value, at: offset, of: which.chain)
            }
            return value
        }
        guard let pieces = expectPieces(which, writable: true, offset, size, outcome) else { return }
        let addresses = pieces.flatMap(\.addresses)
        guard addresses.allSatisfy({ memory[$0] != nil }) else {
            require(outcome.isInaccessible, "what is not accessible can't be written")
            return
        }
        require(outcome.value != nil, "what is accessible can be written")
        for (index, address) in addresses.enumerated() where !addresses[(index + 1)...].contains(address) {
            require(memory[address] == UInt8(truncatingIfNeeded: value >> (8 * index)), "what was written is there")
        }
    }

    private func checkPieces(_ input: inout InputReader) {
        guard let which = select(&input) else { return }
        let writable = input.uint8() & 1 != 0
        let (offset, count) = (UInt64(input.length()), UInt64(input.length()))
        var found: [GuestPiece] = []
        let outcome = outcome { () throws(VirtqueueError) in
            let collect = { (piece: GuestBuffer) throws(VirtqueueError) in
                found.append(GuestPiece(address: piece.address.rawValue, count: piece.count))
            }
            if writable {
                try queue.forEachWritablePiece(of: which.chain, at: offset, count: count, collect)
            } else {
                try queue.forEachReadablePiece(of: which.chain, at: offset, count: count, collect)
            }
            return 0
        }
        guard let pieces = expectPieces(which, writable: writable, offset, count, outcome) else {
            require(found.isEmpty, "what is refused is refused before the first piece")
            return
        }
        require(outcome.value == 0 && found == pieces, "the pieces are those of the chain")
    }

    /// What an access should concern; nil where it should be refused, or do nothing, which is checked here.
    private func expectPieces(
        _ which: Taken, writable: Bool, _ offset: UInt64, _ count: UInt64, _ outcome: Outcome
    ) -> [GuestPiece]? {
        if writable, which.chain.epoch != queue.epoch {
            require(outcome.value != nil, "late answers are dropped")
            return nil
        }
        guard isCurrent(which) else {
            require(outcome.error == .staleChain, "only the newest chains have buffers")
            return nil
        }
        let buffers = writable ? which.reference.writable : which.reference.readable
        let (end, overflow) = offset.addingReportingOverflow(count)
        guard !overflow, end <= ReferenceChain.length(buffers) else {
            if case .buffersTooShort = outcome.error { return nil }
            require(false, "nothing lies behind the buffers")
            return nil
        }
        return ReferenceChain.pieces(of: buffers, at: offset, count: count)
    }

    private struct Outcome {
        var value: UInt64?
        var error: VirtqueueError?

        var isInaccessible: Bool {
            if case .memory(.inaccessible) = error { true } else { false }
        }
    }

    private func outcome(_ body: () throws(VirtqueueError) -> UInt64) -> Outcome {
        do throws(VirtqueueError) {
            return Outcome(value: try body())
        } catch {
            return Outcome(error: error)
        }
    }
}
