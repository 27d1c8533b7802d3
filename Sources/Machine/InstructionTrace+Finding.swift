import GuestMemory

/// What the accesses of an instruction mean.
extension InstructionTrace {
    enum Finding: Equatable {
        /// No unplugged memory was touched.
        case nothing
        /// A read began in memory that the guest may read, and went on in memory that it may not: a kernel that reads a
        /// word at the end of a string does that (Linux's `load_unaligned_zeropad`).
        case crossing
        /// Unplugged memory was written, or a read began there: the first part that did.
        case violation(Access)
    }

    /// - Parameter access: what the guest may do at an address.
    static func finding(in accesses: [Access], _ access: (UInt64) -> ElasticRegion.BlockAccess) -> Finding {
        var previous: Access?
        var isCrossing = false
        for part in accesses {
            switch access(part.address) {
            case .plugged: break
            case .readable where !part.isWrite: break
            case .inaccessible where !part.isWrite:
                guard let previous, !previous.isWrite, previous.end == part.address else { return .violation(part) }
                isCrossing = true
            case .readable, .inaccessible: return .violation(part)
            }
            previous = part
        }
        return isCrossing ? .crossing : .nothing
    }
}
