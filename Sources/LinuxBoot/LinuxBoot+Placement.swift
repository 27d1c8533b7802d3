import KernelLayout

extension LinuxBoot {
    /// Where things go, once everything has been checked.
    struct Placement: Equatable {
        var memoryMap: [E820Entry]
        /// Empty without an initial RAM disk.
        var initrd: Range<UInt64>
    }

    /// Where an initial RAM disk ends at most: page tables and Linux's early mappings reach it there.
    private static let initrdLimit: UInt64 = 1 << 32
    private static let pageSize: UInt64 = 0x1000

    func placement() throws(BootError) -> Placement {
        let ranges = memory.joined()
        guard let low = ranges.first, low.lowerBound == 0, low.upperBound > LowMemory.end else {
            throw .noLowMemory
        }
        let map = E820Entry.map(of: ranges)
        guard map.count <= BootParameters.memoryMapLimit else {
            throw .tooManyMemoryRanges(count: map.count, limit: BootParameters.memoryMapLimit)
        }
        try checkCommandLine()
        let occupied = try checkKernel(in: ranges)
        return Placement(memoryMap: map, initrd: try placeInitrd(in: ranges, beside: occupied))
    }

    private func checkCommandLine() throws(BootError) {
        let text = commandLine.utf8
        guard text.count <= Self.commandLineLimit else {
            throw .commandLineTooLong(length: text.count, limit: Self.commandLineLimit)
        }
        if let zero = text.firstIndex(of: 0) {
            throw .commandLineHasZeroByte(offset: text.distance(from: text.startIndex, to: zero))
        }
    }

    /// The addresses from the kernel's first byte to its last.
    private func checkKernel(in ranges: [Range<UInt64>]) throws(BootError) -> Range<UInt64> {
        var segments: [Range<UInt64>] = []
        for segment in kernel.segments where segment.memorySize > 0 || segment.fileSize > 0 {
            let shown = BootError.KernelRange(
                address: segment.address, memorySize: segment.memorySize, fileSize: segment.fileSize)
            let (end, overflow) = segment.address.addingReportingOverflow(segment.memorySize)
            guard !overflow, segment.fileSize <= segment.memorySize else {
                throw .kernelSegmentMalformed(shown)
            }
            let isInside = ranges.contains { $0.lowerBound <= segment.address && end <= $0.upperBound }
            guard isInside, segment.address >= LowMemory.end else {
                throw .kernelOutsideMemory(shown, memory: total(of: ranges))
            }
            segments.append(segment.address..<end)
        }
        guard let start = segments.map(\.lowerBound).min(), let end = segments.map(\.upperBound).max() else {
            throw .kernelHasNoSegments
        }
        guard segments.contains(where: { $0.contains(kernel.entry) }) else {
            throw .kernelEntryOutsideSegments(kernel.entry)
        }
        return start..<end
    }

    /// The highest place below 4 GiB that holds the initial RAM disk, beside the kernel.
    private func placeInitrd(
        in ranges: [Range<UInt64>], beside kernel: Range<UInt64>
    ) throws(BootError) -> Range<UInt64> {
        guard let initrd, initrd.size > 0 else { return 0..<0 }
        let usable = LowMemory.end..<Self.initrdLimit
        let below = ranges.map { $0.clamped(to: usable) }.filter { !$0.isEmpty }
        let gaps = below.flatMap { range in
            [range.clamped(to: 0..<kernel.lowerBound), range.clamped(to: kernel.upperBound..<UInt64.max)]
        }.map { Self.wholePages(in: $0) }
        for gap in gaps.reversed() where UInt64(gap.count) >= initrd.size {
            let start = (gap.upperBound - initrd.size) & ~(Self.pageSize - 1)
            return start..<(start + initrd.size)
        }
        let available = gaps.map { UInt64($0.count) }.max() ?? 0
        throw .initrdTooBig(
            size: initrd.size, available: available,
            memory: total(of: ranges.map { $0.clamped(to: 0..<Self.initrdLimit) }))
    }

    private static func wholePages(in range: Range<UInt64>) -> Range<UInt64> {
        let mask = pageSize - 1
        let start = (range.lowerBound + mask) & ~mask
        return start..<max(start, range.upperBound & ~mask)
    }

    private func total(of ranges: [Range<UInt64>]) -> UInt64 {
        ranges.reduce(0) { $0 + ($1.upperBound - $1.lowerBound) }
    }
}
