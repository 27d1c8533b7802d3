import CLinux
import SystemPackage

/// What the host says about a mapping: for checks, since each call costs a walk over the process's mappings or pages.
extension MemoryMapping {
    /// Neighbouring bytes of a mapping with the same protection.
    public struct ProtectionRun: Sendable, Equatable {
        /// Offsets in bytes from the mapping's start.
        public var range: Range<UInt64>
        /// Nil where it is none that a mapping is given here.
        public var protection: Protection?

        public init(range: Range<UInt64>, protection: Protection?) {
            self.range = range
            self.protection = protection
        }
    }

    /// The protections of a part, in runs by address, as `/proc/self/maps` has them; neighbours differ.
    ///
    /// - Throws: `SystemCallError`: EOVERFLOW for more than 65,536 runs.
    public func protections(of range: Range<UInt64>) throws(SystemCallError) -> [ProtectionRun] {
        let base = unsafe UInt64(UInt(bitPattern: self.base))
        var capacity = 256
        while true {
            var runs = [cl_protection_run](repeating: cl_protection_run(), count: capacity)
            let count = unsafe cl_protection_runs(
                base + range.lowerBound, base + range.upperBound, &runs, capacity)
            if count == -Int(EOVERFLOW), capacity < 65536 {
                capacity *= 16
                continue
            }
            guard count >= 0 else {
                throw SystemCallError("read", Errno(rawValue: CInt(-count)), subject: "/proc/self/maps")
            }
            return runs.prefix(count).map { run in
                ProtectionRun(
                    range: run.start - base..<run.end - base, protection: Protection(flags: run.protection))
            }
        }
    }

    /// Bytes of a part that are resident (`mincore(2)`).
    ///
    /// - Throws: `SystemCallError`: ENOMEM where some of it is not mapped.
    public func residentSize(of range: Range<UInt64>) throws(SystemCallError) -> UInt64 {
        let size = unsafe cl_resident_size(base + Int(range.lowerBound), Int(range.upperBound - range.lowerBound))
        guard size >= 0 else {
            throw SystemCallError("mincore", Errno(rawValue: CInt(-size)))
        }
        return UInt64(size)
    }
}

extension MemoryMapping.Protection {
    fileprivate init?(flags: CInt) {
        switch flags {
        case PROT_NONE: self = .inaccessible
        case PROT_READ: self = .zeroes
        case PROT_READ | PROT_WRITE: self = .readWrite
        default: return nil
        }
    }
}
