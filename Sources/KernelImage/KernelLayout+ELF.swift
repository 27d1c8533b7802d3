import ELF
import KernelLayout
import SystemPackage

extension KernelLayout {
    /// Where Linux expects the first megabyte: boot parameters, tables and stubs of the machine's firmware.
    private static let lowestAddress: UInt64 = 1 << 20
    /// Segments that a kernel may have; Linux has four or five.
    private static let maximumSegments = 32

    /// Reads the layout of an unpacked kernel and checks it, so that a loader can rely on it.
    init(elf descriptor: FileDescriptor, fileSize: UInt64) throws(KernelImageError.Reason) {
        let file: ELFFile
        do {
            file = try ELFFile(descriptor: descriptor.rawValue)
        } catch {
            switch error {
            case .notELF: throw .notAKernel
            case .malformed(let text): throw .layout(text)
            }
        }
        guard file.is64Bit, file.isX8664 else { throw .not64Bit }
        guard file.kind == .executable else { throw .program }
        self.init(entry: file.entry, segments: try Self.checked(file.loadableSegments, fileSize: fileSize))
        guard segments.contains(where: { ($0.address..<$0.address + $0.fileSize).contains(file.entry) }) else {
            throw .layout("its entry point \(hexadecimal(file.entry)) is in none of its segments")
        }
    }

    private static func checked(
        _ found: [ELFFile.LoadableSegment], fileSize: UInt64
    ) throws(KernelImageError.Reason) -> [Segment] {
        let found = found.filter { $0.memorySize > 0 }.sorted { $0.physicalAddress < $1.physicalAddress }
        guard !found.isEmpty else { throw .layout("it has nothing to load") }
        guard found.count <= maximumSegments else {
            throw .layout("it has \(found.count) segments; \(maximumSegments) is the most")
        }
        var segments: [Segment] = []
        for segment in found {
            let name = "its segment at \(hexadecimal(segment.physicalAddress))"
            let (fileEnd, fileOverflow) = segment.offset.addingReportingOverflow(segment.fileSize)
            guard !fileOverflow else { throw .layout("\(name) ends beyond any file") }
            guard fileEnd <= fileSize else { throw .truncated(expected: fileEnd, actual: fileSize) }
            guard segment.fileSize <= segment.memorySize else {
                throw .layout("\(name) is larger in the file than in memory")
            }
            guard segment.physicalAddress >= lowestAddress else {
                throw .layout("\(name) is below 1M, where the boot tables are")
            }
            let (end, overflow) = segment.physicalAddress.addingReportingOverflow(segment.memorySize)
            guard !overflow, end <= 1 << 52 else { throw .layout("\(name) ends beyond any memory") }
            if let last = segments.last, last.address + last.memorySize > segment.physicalAddress {
                throw .layout("\(name) overlaps the one before")
            }
            segments.append(
                Segment(
                    fileOffset: segment.offset, fileSize: segment.fileSize, address: segment.physicalAddress,
                    memorySize: segment.memorySize))
        }
        return segments
    }
}

private func hexadecimal(_ number: UInt64) -> String {
    "0x" + String(number, radix: 16)
}
