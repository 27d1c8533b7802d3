import GuestMemory

@testable import Virtio

/// A device's end of a queue over memory in which everything is as the input says, and changes between any two calls.
/// What the queue does is compared with what the specification says of the memory as it is.
final class VirtqueueTarget: FuzzTarget {
    private let memory: FuzzMemory
    private var queue: QueueUnderTest?
    private var epoch: UInt64 = 0

    private static let maximumSize: UInt16 = 256

    init() throws {
        memory = try FuzzMemory()
    }

    func run(_ input: inout InputReader) {
        memory.reset()
        epoch = 0
        let features = UInt64(input.uint8() & 3) << 28
        let size = UInt16(1) << UInt16(input.uint8() & 7)
        make(
            QueueSetup(
                size: size, descriptorTable: FuzzMemory.low, availableRing: FuzzMemory.low + 0x800,
                usedRing: FuzzMemory.low + 0xc00), features: features)
        while !input.isEmpty {
            step(&input)
        }
        queue = nil
    }

    private func make(_ setup: QueueSetup, features: UInt64) {
        epoch += 1
        let previous = queue
        queue = nil
        let isValid =
            setup.size.nonzeroBitCount == 1 && setup.size <= Self.maximumSize
            && VirtqueuePart.allCases.allSatisfy { part in
                let (address, count) = (setup.address(of: part).rawValue, part.byteCount(queueSize: setup.size))
                return address % part.alignment == 0 && FuzzMemory.contains(address, count)
                    && !FuzzMemory.isAcrossRegions(address, count)
            }
        do {
            let made = try SplitQueue(
                setup: setup, maximumSize: Self.maximumSize, features: features, memory: memory.memory, epoch: epoch)
            require(isValid, "a queue is only where a queue may be: \(setup)")
            queue = QueueUnderTest(made, setup: setup, features: features, memory: memory, previous: previous)
        } catch {
            require(!isValid, "a queue may be where it is: \(setup), \(error)")
        }
    }

    private func step(_ input: inout InputReader) {
        let operation = input.uint8()
        if operation & 0x80 == 0 {
            changeMemory(operation, &input)
        } else if operation & 0x0f == 0x0f {
            let size = input.uint8()
            make(
                QueueSetup(
                    size: size & 0x80 == 0 ? 1 << UInt16(size & 15) : input.uint16(),
                    descriptorTable: input.address(), availableRing: input.address(), usedRing: input.address()),
                features: UInt64(input.uint8() & 3) << 28)
        } else if let queue, !queue.call(operation & 0x0f, &input) {
            // It must not be used any more after an error.
            self.queue = nil
        }
    }

    /// What the guest does to its memory.
    private func changeMemory(_ operation: UInt8, _ input: inout InputReader) {
        let setup = queue?.setup ?? QueueSetup(size: 8, descriptorTable: FuzzMemory.low)
        switch operation & 7 {
        case 0, 1:
            memory.storeDescriptor(UInt64(operation >> 3 & 15), of: setup.descriptorTable, &input)
        case 2:
            memory.storeDescriptor(UInt64(operation >> 3 & 15), of: input.address(), &input)
        case 3, 4:
            guard queue != nil else { return }
            // A chain that the guest makes available.
            let index = memory.loadUInt16(setup.availableRing + 2) ?? 0
            let slot = UInt64(index & (setup.size - 1))
            let head = operation & 0x40 == 0 ? UInt64(operation >> 3 & 7) : UInt64(input.uint16())
            memory.store(head, setup.availableRing + 4 + 2 * slot, bytes: 2)
            memory.store(UInt64(index &+ 1), setup.availableRing + 2, bytes: 2)
        case 5:
            guard queue != nil else { return }
            // The available index, flags or used event.
            let field = [2, 0, 4 + 2 * UInt64(setup.size), 2][Int(operation >> 3 & 3)]
            memory.store(UInt64(input.uint16()), setup.availableRing + field, bytes: 2)
        case 6:
            let address = input.address()
            for offset in 0..<UInt64(input.uint8() & 31) {
                memory[address &+ offset] = input.uint8()
            }
        default:
            guard queue != nil else { return }
            memory.store(UInt64(input.uint16()), setup.usedRing + UInt64(input.uint8()), bytes: 2)
        }
    }
}
