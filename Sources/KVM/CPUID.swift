import CLinux

/// The table of CPUID leaves that a guest sees.
public struct CPUID: Sendable, Equatable {
    /// One leaf, or one subleaf where a leaf has several.
    public struct Entry: Sendable, Equatable {
        /// EAX of the query.
        public var leaf: UInt32
        /// ECX of the query; it counts only where `isIndexed`.
        public var subleaf: UInt32
        public var isIndexed: Bool
        public var eax: UInt32
        public var ebx: UInt32
        public var ecx: UInt32
        public var edx: UInt32

        public init(
            leaf: UInt32, subleaf: UInt32 = 0, isIndexed: Bool = false, eax: UInt32 = 0, ebx: UInt32 = 0,
            ecx: UInt32 = 0, edx: UInt32 = 0
        ) {
            self.leaf = leaf
            self.subleaf = subleaf
            self.isIndexed = isIndexed
            self.eax = eax
            self.ebx = ebx
            self.ecx = ecx
            self.edx = edx
        }
    }

    public var entries: [Entry]

    public init(entries: [Entry]) {
        self.entries = entries
    }

    /// The entry of a leaf, or of its first subleaf.
    public func entry(_ leaf: UInt32) -> Entry? {
        entries.first { $0.leaf == leaf }
    }

    /// Whether the processor says that it is AMD's, or Hygon's, which follows it.
    public var isAMD: Bool {
        guard let vendor = entry(0) else { return false }
        // "AuthenticAMD" and "HygonGenuine" begin so.
        return vendor.ebx == 0x6874_7541 || vendor.ebx == 0x6F67_7948
    }

    /// Bits of guest-physical addresses that the processor has (leaf 0x80000008, EAX 7:0); 36 where it doesn't say.
    public var physicalAddressBits: Int {
        entry(0x8000_0008).map { Int($0.eax & 0xFF) } ?? 36
    }
}

extension CPUID {
    /// KVM_CPUID_FLAG_SIGNIFCANT_INDEX, whose macro has a shift that is not imported.
    fileprivate static let significantIndex: UInt32 = 1

    init(_ table: cl_cpuid) {
        let count = min(Int(table.nent), CL_CPUID_ENTRIES)
        let kernel = unsafe withUnsafeBytes(of: table.entries) { bytes in
            unsafe Array(bytes.bindMemory(to: kvm_cpuid_entry2.self).prefix(count))
        }
        entries = kernel.map { Entry($0) }
    }

    /// With the leaves that hold the processor's name: KVM has them, but empty.
    func naming(brand: [Entry]) -> CPUID {
        var named = self
        for entry in brand {
            if let index = named.entries.firstIndex(where: { $0.leaf == entry.leaf }) {
                named.entries[index] = entry
            }
        }
        return named
    }

    /// As KVM takes it; nil where there are more entries than it takes.
    var kernel: cl_cpuid? {
        guard entries.count <= CL_CPUID_ENTRIES else { return nil }
        var table = cl_cpuid()
        table.nent = UInt32(entries.count)
        unsafe withUnsafeMutableBytes(of: &table.entries) { bytes in
            let kernel = unsafe bytes.bindMemory(to: kvm_cpuid_entry2.self)
            for (index, entry) in entries.enumerated() {
                unsafe kernel[index] = kvm_cpuid_entry2(
                    function: entry.leaf, index: entry.subleaf, flags: entry.isIndexed ? Self.significantIndex : 0,
                    eax: entry.eax, ebx: entry.ebx, ecx: entry.ecx, edx: entry.edx, padding: (0, 0, 0))
            }
        }
        return table
    }
}

extension CPUID.Entry {
    init(_ entry: kvm_cpuid_entry2) {
        self.init(
            leaf: entry.function, subleaf: entry.index, isIndexed: entry.flags & CPUID.significantIndex != 0,
            eax: entry.eax, ebx: entry.ebx, ecx: entry.ecx, edx: entry.edx)
    }
}
