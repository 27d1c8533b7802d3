import GuestMemory
import Host
import KVM

/// What one instruction of a guest does with memory that was taken away from it for that.
///
/// Reads get what the memory holds, or zeroes where that can't be read; writes are taken down and change nothing.
struct InstructionTrace: Sendable {
    /// A part of a data access, within one page and at most eight bytes; those of one access follow each other.
    struct Access: Sendable, Equatable {
        let address: UInt64
        let size: Int
        let isWrite: Bool
        /// What is written, or was read, little-endian.
        let value: UInt64
        /// Whether a read could be served from memory.
        var isServed = false

        var end: UInt64 { address + UInt64(size) }
    }

    enum Ending: Sendable, Equatable {
        /// The instruction, or one round of one that repeats, is done: the registers are as behind it.
        case completed
        /// The host can't reach memory that the instruction wants, which was not taken away.
        case fault
        /// Something else: an exception, an instruction that KVM can't emulate, a register of a device, or it took too
        /// long.
        case other
    }

    private(set) var accesses: [Access] = []
    private(set) var ending = Ending.other

    /// No instruction that can be emulated has more parts.
    private static let mostAccesses = 64

    /// Runs the vCPU's next instruction; its other vCPUs and devices stand still. To be called on its thread.
    ///
    /// - Parameter state: the vCPU's present one.
    init(running vcpu: KVMVCPU, in state: KVMVCPU.State, memory: GuestMemory) throws(SystemCallError) {
        let handlers = Self.exceptionHandlers(of: vcpu, in: state, memory: memory)
        try vcpu.startStepping(breakpoints: handlers)
        defer { try? vcpu.stopStepping() }
        vcpu.clearExitRequest()
        var exit = try vcpu.run()
        var isElsewhere = false
        // From now on only what is under way shall end; nothing new shall begin.
        vcpu.requestExit()
        while case .mmio(let address, let size, let isWrite) = exit, accesses.count < Self.mostAccesses {
            isElsewhere = isElsewhere || !memory.contains(GuestAddress(address), count: 1)
            let value = isWrite ? vcpu.mmioData : memory.value(at: address, size: size)
            accesses.append(
                Access(address: address, size: size, isWrite: isWrite, value: value ?? 0, isServed: value != nil))
            if !isWrite {
                vcpu.mmioData = value ?? 0
            }
            exit = try vcpu.run()
        }
        switch exit {
        case _ where isElsewhere: ending = .other
        case .memoryFault: ending = .fault
        case .stepped(let address) where !handlers.contains(address): ending = .completed
        case .interrupted where !accesses.isEmpty: ending = .completed
        case .port:
            // It wants to be completed before anything else is done with the vCPU.
            _ = try vcpu.run()
        default: break
        }
    }

    /// Where the guest's handlers of the exceptions begin that a missing page of memory can lead to: undefined
    /// instruction, double fault, protection, page fault.
    private static func exceptionHandlers(
        of vcpu: KVMVCPU, in state: KVMVCPU.State, memory: GuestMemory
    ) -> [UInt64] {
        guard state.isLongMode else { return [] }
        return [6, 8, 13, 14].compactMap { (vector: UInt64) in
            guard let low = word(at: state.interruptTable &+ 16 * vector, of: vcpu, memory: memory),
                let high = word(at: state.interruptTable &+ 16 * vector &+ 8, of: vcpu, memory: memory)
            else { return nil }
            // A gate that is present (Intel SDM volume 3, 6.14.1).
            return low & 1 << 47 == 0 ? nil : low & 0xFFFF | low >> 32 & 0xFFFF_0000 | high << 32
        }
    }

    private static func word(at linear: UInt64, of vcpu: KVMVCPU, memory: GuestMemory) -> UInt64? {
        vcpu.translate(linear).flatMap { memory.value(at: $0, size: 8) }
    }
}

extension GuestMemory {
    /// A value of up to eight bytes, little-endian; nil where it can't be read.
    func value(at address: UInt64, size: Int) -> UInt64? {
        guard let bytes = try? read(size, at: GuestAddress(address)) else { return nil }
        return bytes.enumerated().reduce(0) { $0 | UInt64($1.element) << UInt64(8 * $1.offset) }
    }

    /// Writes the lowest bytes of a value, little-endian.
    ///
    /// - Returns: whether it worked.
    func store(_ value: UInt64, at address: UInt64, size: Int) -> Bool {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
        return (try? write(bytes, at: GuestAddress(address))) != nil
    }
}
