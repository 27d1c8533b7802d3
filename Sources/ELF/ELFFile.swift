import CElf

/// The headers of an ELF file that tell how to load it (System V ABI, chapters 4 and 5), read through libelf.
public struct ELFFile: Sendable, Equatable {
    /// What kind of object the file is (`e_type`).
    public enum Kind: Sendable, Equatable {
        /// A program at fixed addresses: kernels are.
        case executable
        /// A program or library that can be loaded anywhere.
        case sharedObject
        case other
    }

    /// A part of the file that is loaded (a program header of type `PT_LOAD`).
    public struct LoadableSegment: Sendable, Equatable {
        /// Where it begins in the file, in bytes.
        public let offset: UInt64
        /// Bytes that the file holds for it.
        public let fileSize: UInt64
        /// Where it goes (`p_paddr`).
        public let physicalAddress: UInt64
        /// Bytes that it occupies in memory.
        public let memorySize: UInt64
    }

    /// Whether its class is ELFCLASS64.
    public let is64Bit: Bool
    /// Whether its instructions are x86's, of 64 bits (EM_X86_64).
    public let isX8664: Bool
    public let kind: Kind
    /// The address of its first instruction.
    public let entry: UInt64
    /// The loadable segments in the order of the file.
    public let loadableSegments: [LoadableSegment]

    /// Reads the headers of an open file. The descriptor's position neither matters nor changes.
    ///
    /// - Throws: `ELFError`, also for files whose headers lie outside of them.
    public init(descriptor: Int32) throws(ELFError) {
        guard elf_version(UInt32(EV_CURRENT)) != UInt32(EV_NONE) else {
            throw .malformed("libelf is too old")
        }
        guard let elf = unsafe elf_begin(descriptor, ELF_C_READ, nil) else {
            throw Self.lastError()
        }
        defer { _ = unsafe elf_end(elf) }
        guard unsafe elf_kind(elf) == ELF_K_ELF else {
            throw .notELF
        }
        var header = GElf_Ehdr()
        guard unsafe gelf_getehdr(elf, &header) != nil else {
            throw Self.lastError()
        }
        is64Bit = unsafe gelf_getclass(elf) == CInt(ELFCLASS64)
        isX8664 = header.e_machine == UInt16(EM_X86_64)
        kind =
            switch CInt(header.e_type) {
            case CInt(ET_EXEC): .executable
            case CInt(ET_DYN): .sharedObject
            default: .other
            }
        entry = header.e_entry
        loadableSegments = try unsafe Self.loadableSegments(of: elf)
    }

    private static func loadableSegments(of elf: OpaquePointer) throws(ELFError) -> [LoadableSegment] {
        var count = 0
        guard unsafe elf_getphdrnum(elf, &count) == 0 else {
            throw lastError()
        }
        var segments: [LoadableSegment] = []
        for index in 0..<count {
            var header = GElf_Phdr()
            guard let number = CInt(exactly: index), unsafe gelf_getphdr(elf, number, &header) != nil else {
                throw lastError()
            }
            if header.p_type == UInt32(PT_LOAD) {
                segments.append(
                    LoadableSegment(
                        offset: header.p_offset, fileSize: header.p_filesz, physicalAddress: header.p_paddr,
                        memorySize: header.p_memsz))
            }
        }
        return segments
    }

    private static func lastError() -> ELFError {
        guard let text = unsafe elf_errmsg(-1) else { return .malformed("its headers can't be read") }
        return unsafe .malformed(String(cString: text))
    }
}
