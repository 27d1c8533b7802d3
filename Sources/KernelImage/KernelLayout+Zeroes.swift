import KernelLayout

extension KernelLayout {
    /// The same kernel with segments that leave runs of zeroes out.
    ///
    /// - Parameter zeroes: as offsets in its file, in order.
    func leavingOut(_ zeroes: [Range<UInt64>]) -> KernelLayout {
        KernelLayout(entry: entry, segments: segments.flatMap { $0.leavingOut(zeroes) })
    }
}

extension KernelLayout.Segment {
    /// Segments for what is not zero, each with the zeroes behind it as memory that the file has nothing for.
    fileprivate func leavingOut(_ zeroes: [Range<UInt64>]) -> [KernelLayout.Segment] {
        let file = fileOffset..<fileOffset + fileSize
        var parts: [KernelLayout.Segment] = []
        var start = file.lowerBound
        for run in zeroes.map({ $0.clamped(to: file) }) where !run.isEmpty {
            parts.append(part(start..<run.lowerBound, occupying: run.upperBound - start))
            start = run.upperBound
        }
        parts.append(part(start..<file.upperBound, occupying: fileOffset + memorySize - start))
        return parts.filter { $0.memorySize > 0 }
    }

    private func part(_ bytes: Range<UInt64>, occupying size: UInt64) -> KernelLayout.Segment {
        KernelLayout.Segment(
            fileOffset: bytes.lowerBound, fileSize: bytes.upperBound - bytes.lowerBound,
            address: address + (bytes.lowerBound - fileOffset), memorySize: size)
    }
}
