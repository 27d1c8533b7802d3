import Host

/// Whether what the region believes is what the host has.
extension ElasticRegion {
    /// Compares block map, memory slots, protection and resident memory. It looks at each page, so it takes its time.
    ///
    /// - Parameter blocks: those to look at; nil for all.
    /// - Returns: what disagrees, in words; empty when all is well. What a failed host call has left to be done is not
    ///   counted, as long as `maintain()` knows of it.
    /// - Throws: `SystemCallError` where the host does not tell.
    public func inconsistencies(in blocks: Range<Int>? = nil) throws(SystemCallError) -> [String] {
        let blocks = blocks ?? 0..<map.count
        // The list of a process's mappings is read in pieces, while other threads change it: what disagrees once only
        // was never so.
        for _ in 0..<2 {
            let problems = try problems(in: blocks)
            if problems.isEmpty { return [] }
        }
        return try problems(in: blocks)
    }

    private func problems(in blocks: Range<Int>) throws(SystemCallError) -> [String] {
        try slotProblems(in: blocks) + protectionProblems(in: blocks) + residenceProblems(in: blocks)
    }

    #if DEBUG
        /// Bytes that are looked at after an operation: a page is quick, but there may be many.
        private static let mostToCheck: UInt64 = 8 << 30
    #endif

    /// Compares after an operation, in debug builds.
    func checkInDebugBuilds(_ blocks: Range<Int>) {
        #if DEBUG
            // With the neighbours: an operation must leave them alone.
            let area = max(0, blocks.lowerBound - 1)..<min(map.count, blocks.upperBound + 1)
            guard UInt64(area.count) * blockSize <= Self.mostToCheck else { return }
            guard let problems = try? inconsistencies(in: area) else { return }
            precondition(problems.isEmpty, "\(memory.name): " + problems.joined(separator: "; "))
        #endif
    }

    private func slotProblems(in blocks: Range<Int>) -> [String] {
        guard !blocks.isEmpty else { return [] }
        var problems: [String] = []
        for index in slotTable.indices(of: bytes(of: blocks)) {
            let range = slotTable.range(of: index)
            let plugged =
                UInt64(map.plugged(in: Int(range.lowerBound / blockSize)..<Int(range.upperBound / blockSize)))
                * blockSize
            if plugged != slotTable.pluggedSize(of: index) {
                problems.append("slot \(index) counts \(slotTable.pluggedSize(of: index)) plugged bytes of \(plugged)")
            }
            if slots != nil, plugged > 0, !slotTable.isLive(index) {
                problems.append("slot \(index) has plugged blocks, but is not live")
            }
            if slots != nil, range.lowerBound < readableSize, !slotTable.isLive(index) {
                problems.append("slot \(index) is to be readable, but is not live")
            }
        }
        return problems
    }

    private func protectionProblems(in blocks: Range<Int>) throws(SystemCallError) -> [String] {
        var problems: [String] = []
        for run in try host.protections(of: bytes(of: blocks)) {
            let first = Int(run.range.lowerBound / blockSize)
            let end = Int((run.range.upperBound + blockSize - 1) / blockSize)
            for block in first..<end where !unrestored.contains(where: { $0.contains(block) }) {
                let expected: MemoryMapping.Protection =
                    switch access(at: UInt64(block) * blockSize) {
                    case .plugged: .readWrite
                    case .readable: .zeroes
                    case .inaccessible: .inaccessible
                    }
                if run.protection != expected {
                    problems.append("block \(block) is \(run.protection.map { "\($0)" } ?? "odd"), not \(expected)")
                }
            }
        }
        return problems
    }

    private func residenceProblems(in blocks: Range<Int>) throws(SystemCallError) -> [String] {
        var problems: [String] = []
        for gap in unpluggedRuns(in: blocks) where !mayHoldLeftovers(gap) {
            // Zeroes that were read are entries in page tables, which count as resident.
            guard UInt64(gap.lowerBound) * blockSize >= readableSize else { continue }
            let resident = try host.residentSize(of: bytes(of: gap))
            if resident > 0 {
                problems.append("unplugged blocks \(gap) have \(resident) resident bytes")
            }
        }
        return problems
    }
}
