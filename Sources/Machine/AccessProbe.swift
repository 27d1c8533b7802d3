import GuestMemory
import Host
import KVM

/// Finds out what a vCPU did that stopped at guest memory, and completes what is no violation. It belongs to the event
/// loop's thread, as everything that it looks at.
///
/// KVM tells an address only of an access that no memory slot backs. Where a slot does, all vCPUs are paused, the
/// unplugged blocks of a slot are left out of it, and the instruction runs again, alone: then KVM tells, and the
/// processor's state is put back. A read at the first byte of an unplugged block may have begun in the page before: it
/// runs once more without that page, too.
struct AccessProbe {
    enum Verdict {
        /// What was missing is there: the vCPU can go on.
        case resolved
        case violation(MemoryViolation)
        /// The host has no memory behind the guest's.
        case unavailable(String)
        /// The vCPU can't go on for another reason, or nothing can be found out.
        case failed(String)
    }

    let hardware: MachineHardware
    let virtualMachine: VirtualMachine
    let vcpu: Int

    private static let pageSize = hostPageSize

    private var stopped: VCPUThread { virtualMachine[vcpu: vcpu] }

    /// Judges a stop. The vCPUs may be paused afterwards.
    func judge(_ exit: KVMExit) -> Verdict {
        stopped.waitUntilParked()
        do {
            switch exit {
            case .mmio(let address, let size, let isWrite):
                return try judgeAccess(at: address, size: size, isWrite: isWrite)
            case .memoryFault: return try judgeFault()
            case .internalError(suberror: 1, data: _):
                let state = try stopped.vcpu.saveState()
                return executed(in: state) ?? .failed(stopped.describe(exit))
            default: return .failed(stopped.describe(exit))
            }
        } catch {
            return .failed("\(stopped.describe(exit))\nand it can't be told what it did: \(error)")
        }
    }

    // MARK: Accesses that no memory slot backs

    private func judgeAccess(at address: UInt64, size: Int, isWrite: Bool) throws -> Verdict {
        let registers = try stopped.vcpu.registers()
        switch access(at: address) {
        case .plugged:
            // It was plugged since, or the host could not reach it.
            guard complete(address, size: size, isWrite: isWrite) else {
                return unavailable(address, registers.rip)
            }
        case .readable where !isWrite:
            stopped.vcpu.mmioData = 0
            stopped.answered()
        case .inaccessible where !isWrite && mayGoOn(at: address):
            return try judgeReadAtEdge(address, size: size)
        case .readable, .inaccessible:
            return violation(
                at: address, registers.rip, isWrite ? .write(address, size: size) : .read(address, size: size),
                isBehind: isWrite)
        }
        return .resolved
    }

    /// Does what the vCPU wanted of memory that is there by now.
    private func complete(_ address: UInt64, size: Int, isWrite: Bool) -> Bool {
        if isWrite {
            guard hardware.memory.store(stopped.vcpu.mmioData, at: address, size: size) else { return false }
        } else {
            guard let value = hardware.memory.value(at: address, size: size) else { return false }
            stopped.vcpu.mmioData = value
        }
        stopped.answered()
        return true
    }

    /// Whether an access at an address may have begun in the page before it, which the guest may read.
    private func mayGoOn(at address: UInt64) -> Bool {
        address % Self.pageSize == 0 && address > 0
            && hardware.memory.contains(GuestAddress(address - 1), count: 1) && access(at: address - 1) != .inaccessible
    }

    /// Undoes what is under way of the instruction, and has it run without the page before the address.
    private func judgeReadAtEdge(_ address: UInt64, size: Int) throws -> Verdict {
        virtualMachine.pause()
        let state = try stopped.vcpu.saveState()
        try virtualMachine.perform(vcpu: vcpu) { (vcpu) throws(SystemCallError) in try vcpu.abandonAccess() }
        try stopped.vcpu.restore(state)
        stopped.answered()
        let page = address - Self.pageSize..<address
        if try completesCrossing(leavingOut: [page], from: state) {
            return .resolved
        }
        return violation(at: address, state.registers.rip, .read(address, size: size))
    }

    // MARK: Accesses that the host can't reach

    private func judgeFault() throws -> Verdict {
        virtualMachine.pause()
        let state = try stopped.vcpu.saveState()
        if let verdict = executed(in: state) ?? delivered(in: state) {
            return verdict
        }
        // What was missing a moment ago may be there by now.
        let trace = try trace(leavingOut: [], from: state)
        try stopped.vcpu.restore(state)
        guard trace.ending == .fault else { return .resolved }
        for slot in candidates(in: state) {
            if let verdict = try judgeFault(in: slot, state) {
                return verdict
            }
        }
        return unavailable(findUnavailable(in: state), state.registers.rip)
    }

    /// - Returns: nil where the access was not to an unplugged block of the slot.
    private func judgeFault(in slot: Candidate, _ state: KVMVCPU.State) throws -> Verdict? {
        let holes = slot.device.unpluggedRanges(in: slot.addresses)
        let trace = try trace(leavingOut: holes, from: state)
        try stopped.vcpu.restore(state)
        switch InstructionTrace.finding(in: trace.accesses, access) {
        case .violation(let part):
            let page = part.address - min(Self.pageSize, part.address)..<part.address
            if !part.isWrite, mayGoOn(at: part.address),
                try completesCrossing(leavingOut: (holes + [page]).joined(), from: state)
            {
                return .resolved
            }
            return violation(
                at: part.address, state.registers.rip,
                part.isWrite
                    ? .write(part.address, size: part.size) : .read(part.address, size: part.size))
        case .crossing, .nothing:
            if trace.ending == .fault {
                return nil
            }
            return .violation(
                MemoryViolation(
                    device: slot.device.id, vcpu: vcpu, instructionPointer: state.registers.rip,
                    access: .unknown(slot: slot.addresses)))
        }
    }

    private struct Candidate {
        let device: MemoryDeviceUnit
        let addresses: Range<UInt64>
    }

    /// The live slots with unplugged blocks, first those that a register points to.
    private func candidates(in state: KVMVCPU.State) -> [Candidate] {
        let all = hardware.memoryDevices.flatMap { device in
            device.slotsWithUnpluggedBlocks.map { Candidate(device: device, addresses: $0) }
        }
        guard all.count > 1 else { return all }
        let places = pointers(in: state).flatMap { [$0, $0 &+ Self.pageSize] }
        let isLikely = { (slot: Candidate) in places.contains { slot.addresses.contains($0) } }
        return all.filter(isLikely) + all.filter { !isLikely($0) }
    }

    /// Guest-physical addresses of what the general registers may point to.
    private func pointers(in state: KVMVCPU.State) -> [UInt64] {
        ([state.instructionAddress, state.stackAddress &- 8] + state.registers.general)
            .compactMap { stopped.vcpu.translate($0) }
    }

    /// The next instruction lies in unplugged memory.
    private func executed(in state: KVMVCPU.State) -> Verdict? {
        guard let address = stopped.vcpu.translate(state.instructionAddress),
            hardware.memory.contains(GuestAddress(address), count: 1), access(at: address) == .inaccessible
        else { return nil }
        return violation(at: address, state.registers.rip, .execute(address))
    }

    /// An exception or interrupt was on its way, and can't be run again alone: its stack is what counts.
    private func delivered(in state: KVMVCPU.State) -> Verdict? {
        guard state.isDelivering else { return nil }
        let stack = stopped.vcpu.translate(state.stackAddress &- 8)
        if let stack, hardware.memory.contains(GuestAddress(stack), count: 1), access(at: stack) != .plugged {
            return violation(at: stack, state.registers.rip, .write(stack, size: 8))
        }
        guard let slot = candidates(in: state).first else { return unavailable(nil, state.registers.rip) }
        return .violation(
            MemoryViolation(
                device: slot.device.id, vcpu: vcpu, instructionPointer: state.registers.rip,
                access: .unknown(slot: slot.addresses)))
    }

    // MARK: Running the instruction

    private func trace(leavingOut holes: [Range<UInt64>], from state: KVMVCPU.State) throws -> InstructionTrace {
        let (memory, machine, vcpu) = (hardware.memory, virtualMachine, vcpu)
        let result: Result<InstructionTrace, SystemCallError> = try machine.slots.leavingOut(holes) {
            do throws(SystemCallError) {
                return .success(
                    try machine.perform(vcpu: vcpu) { (vcpu) throws(SystemCallError) in
                        try InstructionTrace(running: vcpu, in: state, memory: memory)
                    })
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Runs the instruction without some memory, and keeps what it did if all was legitimate: a read that began in
    /// memory, and went on past its edge, has got zeroes from there.
    ///
    /// - Returns: whether it was; else the processor's state is as before.
    private func completesCrossing(leavingOut holes: [Range<UInt64>], from state: KVMVCPU.State) throws -> Bool {
        let trace = try trace(leavingOut: holes, from: state)
        guard InstructionTrace.finding(in: trace.accesses, access) == .crossing, trace.ending == .completed,
            trace.accesses.allSatisfy({ $0.isWrite || $0.isServed || access(at: $0.address) == .inaccessible })
        else {
            try stopped.vcpu.restore(state)
            return false
        }
        for part in trace.accesses where part.isWrite {
            _ = hardware.memory.store(part.value, at: part.address, size: part.size)
        }
        return true
    }

    // MARK: What is where

    /// What the guest may do at an address; boot memory counts as plugged, and so does what is no memory.
    private func access(at address: UInt64) -> ElasticRegion.BlockAccess {
        for device in hardware.memoryDevices {
            if let access = device.access(at: address) { return access }
        }
        return .plugged
    }

    private func violation(
        at address: UInt64, _ instruction: UInt64, _ access: MemoryViolation.Access, isBehind: Bool = false
    ) -> Verdict {
        let device = hardware.memoryDevices.first { $0.addresses.contains(address) }
        return .violation(
            MemoryViolation(
                device: device?.id ?? "", vcpu: vcpu, instructionPointer: instruction, isBehind: isBehind,
                access: access))
    }

    /// Memory that a register points to, and that the VMM can't use either. All vCPUs stand still: writing back what
    /// was read changes nothing.
    private func findUnavailable(in state: KVMVCPU.State) -> UInt64? {
        pointers(in: state).first { address in
            guard hardware.memory.contains(GuestAddress(address), count: 1), access(at: address) == .plugged else {
                return false
            }
            guard let value = hardware.memory.value(at: address, size: 1) else { return true }
            return !hardware.memory.store(value, at: address, size: 1)
        }
    }

    private func unavailable(_ address: UInt64?, _ instruction: UInt64) -> Verdict {
        let place = address.map { "guest-physical \(hexadecimal($0))" } ?? "what the guest accesses"
        let region = address.flatMap { address in
            hardware.memory.regions.first { $0.addresses.contains(address) }.map { ", a part of \($0.name)" }
        }
        return .unavailable(
            "the host has no memory behind \(place)\(region ?? ""): what backs it is full, truncated or broken "
                + "(vCPU \(vcpu), at instruction \(hexadecimal(instruction)))")
    }
}

extension KVMVCPU {
    /// Makes an end of an instruction that waits for data: reads get zeroes, writes are dropped.
    fileprivate func abandonAccess() throws(SystemCallError) {
        requestExit()
        defer { clearExitRequest() }
        mmioData = 0
        while case .mmio = try run() {
            mmioData = 0
        }
    }
}

extension Registers {
    /// All but RIP and RSP.
    fileprivate var general: [UInt64] {
        [rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15]
    }
}

extension [Range<UInt64>] {
    /// In order, with those joined that touch or overlap.
    fileprivate func joined() -> [Range<UInt64>] {
        sorted { $0.lowerBound < $1.lowerBound }.reduce(into: []) { joined, range in
            if let last = joined.last, last.upperBound >= range.lowerBound {
                joined[joined.count - 1] = last.lowerBound..<Swift.max(last.upperBound, range.upperBound)
            } else {
                joined.append(range)
            }
        }
    }
}
