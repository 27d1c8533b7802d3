/// The setup header of a bzImage (Linux: Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header"), as far as
/// it tells where the compressed kernel is.
struct BootHeader: Equatable {
    /// Bytes from the start of a file that are enough to read the header.
    static let length = 0x250

    /// Where the compressed kernel begins in the file.
    let payloadOffset: UInt64
    /// Its bytes, with the four that follow it (or end it, with gzip) and tell its unpacked size.
    let payloadLength: UInt64

    private enum Field {
        static let setupSectors = 0x1f1
        static let systemSize = 0x1f4
        static let bootFlag = 0x1fe
        static let signature = 0x202
        static let version = 0x206
        static let extendedLoadFlags = 0x236
        static let payloadOffset = 0x248
        static let payloadLength = 0x24c
    }

    /// Reads the header.
    ///
    /// - Parameters:
    ///   - start: the first `length` bytes of the file, or all of a shorter one.
    ///   - fileSize: bytes of the file.
    /// - Returns: nil for anything but a bzImage.
    /// - Throws: for a bzImage that can't be booted.
    init?(_ start: [UInt8], fileSize: UInt64) throws(KernelImageError.Reason) {
        guard
            start.count >= Field.version, start.number(at: Field.bootFlag, bytes: 2) == 0xaa55,
            start[Field.signature..<Field.version].elementsEqual("HdrS".utf8)
        else { return nil }
        guard start.count >= Self.length else {
            throw .truncated(expected: UInt64(Self.length), actual: fileSize)
        }
        let version = start.number(at: Field.version, bytes: 2)
        guard version >= 0x208 else {
            throw .tooOld(major: Int(version >> 8), minor: Int(version & 0xff))
        }
        // From 2.12 the header says whether the kernel has a 64-bit entry point; before, its ELF header does.
        guard version < 0x20c || start.number(at: Field.extendedLoadFlags, bytes: 2) & 1 != 0 else {
            throw .not64Bit
        }
        let sectors = start.number(at: Field.setupSectors, bytes: 1)
        let systemStart = ((sectors == 0 ? 4 : sectors) + 1) * 512
        payloadOffset = systemStart + start.number(at: Field.payloadOffset, bytes: 4)
        payloadLength = start.number(at: Field.payloadLength, bytes: 4)
        let systemEnd = systemStart + start.number(at: Field.systemSize, bytes: 4) * 16
        let end = max(systemEnd, payloadOffset + payloadLength)
        guard end <= fileSize else {
            throw .truncated(expected: end, actual: fileSize)
        }
        // Room for a signature and the unpacked size.
        guard payloadLength > 16 else {
            throw .damaged("its header speaks of a payload of \(payloadLength) bytes")
        }
    }
}

extension Collection<UInt8> where Index == Int {
    /// A little-endian number of up to eight bytes, which must be there.
    func number(at offset: Int, bytes: Int) -> UInt64 {
        self[(startIndex + offset)..<(startIndex + offset + bytes)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
