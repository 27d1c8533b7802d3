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
                throw shortage
            default: throw SystemCallError("madvise", Errno(rawValue: -result), subject: "MADV_POPULATE_WRITE")
            }
            next = step.upperBound
        }
    }

    /// Looks whether cgroups and the host have memory for so many bytes more.
    ///
    /// - Throws: `SystemCallError`: ENOMEM where they have not.
    public func checkRoom(for size: UInt64) throws(SystemCallError) {
        guard backing.takesMemory else { return }
        let nodes = backing.placement.flatMap { $0.policy == .bind ? $0.nodes : nil }
        let room = MemoryRoom.available(nodes: nodes)
        guard size <= room else {
            throw Self.shortage("\(size >> 20) MiB are wanted, \(room >> 20) MiB are left")
        }
    }

    /// Why a page can't be had that memory and cgroups have room for.
    private var shortage: SystemCallError {
        if backing.isHuge {
            let page = "page of \(backing.pageSize >> 20) MiB"
            return Self.shortage("the host's pool has no free \(page) left, 'swiftlet doctor' shows it")
        }
        return Self.shortage(backing.file == nil ? "no page to be had" : "the file system is full")
    }

    /// Looks whether the file system has room for what a file may still come to hold. Nothing keeps others from taking
    /// it.
    ///
    /// - Parameter size: bytes of the file that may be written to in all.
    /// - Throws: `SystemCallError`: ENOSPC where there is not so much.
    public func checkRoom(forUpTo size: UInt64) throws(SystemCallError) {
        guard let file = backing.file, !backing.isHuge, backing.isShared, let taken = file.allocatedSize,
            let room = MemoryFile.room(for: file.descriptor)
        else { return }
        let missing = size > taken ? size - taken : 0
        guard missing <= room else {
            throw SystemCallError(
                "fstatfs", .noSpace,
                subject:
                    "guest memory (the file system has room for \(room >> 20) MiB, and \(missing >> 20) MiB of what"
                    + " would be plugged are not on it yet)")
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
                throw shortage
            }
        }
    }
}
