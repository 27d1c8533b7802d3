extension BootError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .noLowMemory:
            "no boot memory at guest address 0: a guest needs memory from 0 to beyond 1 MiB"
        case .tooManyMemoryRanges(let count, let limit):
            "boot memory is in \(count) separate ranges, a kernel can be told of at most \(limit)"
        case .kernelHasNoSegments:
            "the kernel has no segment to load"
        case .kernelSegmentMalformed(let range):
            "the kernel's segment at \(hexadecimal(range.address)) is malformed: \(range.fileSize) bytes in the file, "
                + "\(range.memorySize) in memory"
        case .kernelOutsideMemory(let range, let memory):
            "the kernel's segment at \(hexadecimal(range.address)), \(range.memorySize) bytes, does not lie in boot "
                + "memory above 1 MiB; the guest has \(memory) bytes of it"
        case .kernelEntryOutsideSegments(let entry):
            "the kernel's entry point \(hexadecimal(entry)) lies in none of its segments"
        case .initrdTooBig(let size, let available, let memory):
            "the initrd has \(size) bytes, but only \(available) bytes in one piece are left for it beside the kernel "
                + "in \(memory) bytes of boot memory below 4 GiB"
        case .commandLineTooLong(let length, let limit):
            "the kernel command line has \(length) bytes, at most \(limit) are possible"
        case .commandLineHasZeroByte(let offset):
            "the kernel command line has a zero byte at offset \(offset)"
        case .acpiTablesTooBig(let size, let limit):
            "the ACPI tables need \(size) bytes, at most \(limit) are possible: use fewer devices or nodes"
        case .unreadable(let kind, let reason):
            "the \(kind.rawValue) can't be read: \(reason)"
        case .memory(let error):
            error.description
        }
    }

    private func hexadecimal(_ value: UInt64) -> String {
        "0x" + String(value, radix: 16)
    }
}
