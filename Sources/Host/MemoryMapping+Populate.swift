import CLinux
import SystemPackage

extension MemoryMapping {
    /// Bytes that are populated between two looks at what is left.
    private static let populateStep: UInt64 = 256 << 20

    /// Takes memory from the host for all of an accessible part (`MADV_POPULATE_WRITE`).
    ///
    /// Where a memory cgroup or the host has not got it, this fails, and nobody is killed for it: a populating process
    /// at its limit would be. Other processes may still take what was there a moment ago.
    ///
    /// - Throws: `SystemCallError`: ENOMEM where there is not so much memory, huge pages or disk left; a part may be
    ///   populated then.
    public func populate(_ range: Range<UInt64>) throws(SystemCallError) {
        var next = range.lowerBound
        while next < range.upperBound {
            let step = next..<min(next + Self.populateStep, range.upperBound)
            // All that is still to come, so that nothing is taken in vain.
            try checkRoom(for: range.upperBound - next)
            let result = advise(step, CInt(CL_MADV_POPULATE_WRITE))
            switch -result {
            case 0: break
            case EINVAL: try touchAll(step)
            case EFAULT:
                // What would be SIGBUS for an access: no huge page, no room in the file system.
                throw Self.shortage("no page to be had")
            default: throw SystemCallError("madvise", Errno(rawValue: -result), subject: "MADV_POPULATE_WRITE")
            }
            next = step.upperBound
        }
    }

    private func checkRoom(for size: UInt64) throws(SystemCallError) {
        guard backing.takesMemory else { return }
        let nodes = backing.placement.flatMap { $0.policy == .bind ? $0.nodes : nil }
        let room = MemoryRoom.available(nodes: nodes)
        guard size <= room else {
            throw Self.shortage("\(size) bytes are wanted, \(room) are left")
        }
    }

    private static func shortage(_ text: String) -> SystemCallError {
        SystemCallError("populate", .noMemory, subject: "guest memory (\(text))")
    }

    /// For kernels before 5.14, which have no advice for it.
    private func touchAll(_ range: Range<UInt64>) throws(SystemCallError) {
        for offset in stride(from: range.lowerBound, to: range.upperBound, by: Int(hostPageSize)) {
            do {
                try touch(offset)
            } catch {
                throw Self.shortage("no page to be had")
            }
        }
    }
}
