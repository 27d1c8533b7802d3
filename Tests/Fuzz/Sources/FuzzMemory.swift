import GuestMemory
import Host

/// A little guest memory with everything in it that is awkward: two regions that follow each other, a page that is not
/// accessible, and a region at the end of the address space. Checks look at it directly, without `GuestMemory`.
final class FuzzMemory {
    static let low: UInt64 = 0x1_0000
    private static let middle: UInt64 = 0x1_4000
    private static let lowEnd: UInt64 = 0x1_7000
    private static let inaccessible: Range<UInt64> = 0x1_5000..<0x1_6000
    /// Where memory devices have their region.
    static let elastic: UInt64 = 1 << 32
    static let high: UInt64 = 0xffff_ffff_ffff_e000
    private static let highEnd: UInt64 = 0xffff_ffff_ffff_f000

    let regions: [GuestMemoryRegion]
    let memory: GuestMemory

    /// - Parameter others: what belongs to the guest's memory besides.
    init(with others: [GuestMemoryRegion] = []) throws {
        regions = [
            try GuestMemoryRegion(name: "low", start: GuestAddress(Self.low), size: Self.middle - Self.low),
            try GuestMemoryRegion(name: "middle", start: GuestAddress(Self.middle), size: Self.lowEnd - Self.middle),
            try GuestMemoryRegion(name: "high", start: GuestAddress(Self.high), size: Self.highEnd - Self.high),
        ]
        let hole = Self.inaccessible.lowerBound - Self.middle..<Self.inaccessible.upperBound - Self.middle
        try regions[1].mapping.protect(hole, .inaccessible)
        memory = GuestMemory(regions: regions + others)
    }

    /// Zeroes everything.
    func reset() {
        for region in regions {
            var next = region.start.rawValue
            while next < region.addresses.upperBound {
                if let pointer = pointer(to: next) {
                    pointer.initializeMemory(as: UInt8.self, repeating: 0, count: Int(hostPageSize))
                }
                next += hostPageSize
            }
        }
    }

    /// Whether bytes belong to these regions; none do, wherever they are.
    static func contains(_ address: UInt64, _ count: UInt64) -> Bool {
        if count == 0 { return true }
        for (start, end) in [(low, lowEnd), (high, highEnd)] where address >= start && address < end {
            return count <= end - address
        }
        return false
    }

    /// Whether bytes that all belong to these regions belong to two of them.
    static func isAcrossRegions(_ address: UInt64, _ count: UInt64) -> Bool {
        address < middle && address + count > middle
    }

    /// Nil where it is not accessible.
    private func pointer(to address: UInt64) -> UnsafeMutableRawPointer? {
        guard Self.contains(address, 1), !Self.inaccessible.contains(address) else { return nil }
        let region = address < Self.middle ? regions[0] : address < Self.lowEnd ? regions[1] : regions[2]
        return region.mapping.base + Int(address - region.start.rawValue)
    }

    /// Nil where it is not accessible.
    subscript(address: UInt64) -> UInt8? {
        get { pointer(to: address)?.load(as: UInt8.self) }
        set { if let newValue { pointer(to: address)?.storeBytes(of: newValue, as: UInt8.self) } }
    }

    /// A little-endian number of so many bytes; nil where one of them is not accessible.
    func load(_ address: UInt64, bytes: UInt64) -> UInt64? {
        var value: UInt64 = 0
        for index in 0..<bytes {
            guard let byte = self[address &+ index] else { return nil }
            value |= UInt64(byte) << (8 * index)
        }
        return value
    }

    func loadUInt16(_ address: UInt64) -> UInt16? {
        load(address, bytes: 2).map { UInt16(truncatingIfNeeded: $0) }
    }

    /// Stores the low bytes of a number, as far as they are accessible.
    func store(_ value: UInt64, _ address: UInt64, bytes: UInt64) {
        for index in 0..<bytes {
            self[address &+ index] = UInt8(truncatingIfNeeded: value >> (8 * index))
        }
    }

    /// The guest writes a descriptor, as the input says, into one of the tables that it uses.
    func storeDescriptor(_ index: UInt64, of table: UInt64, _ input: inout InputReader) {
        let address = input.address()
        let length = UInt64(input.length())
        let bits = input.uint8()
        // The flags that mean something, and sometimes all of them.
        let flags = UInt64(bits & 0x80 == 0 ? UInt16(bits & 7) : input.uint16())
        let next = UInt64(bits & 0x40 == 0 ? UInt16(bits >> 3 & 7) : input.uint16())
        let at = table &+ 16 &* index
        store(address, at, bytes: 8)
        store(length | flags << 32 | next << 48, at &+ 8, bytes: 8)
    }

    /// A number that depends on every accessible byte.
    var checksum: UInt64 {
        var sum: UInt64 = 0
        for region in regions {
            var next = region.start.rawValue
            while next < region.addresses.upperBound {
                if let page = pointer(to: next) {
                    for offset in stride(from: 0, to: Int(hostPageSize), by: 8) {
                        sum = sum &* 0x9e37_79b9_7f4a_7c15 &+ page.load(fromByteOffset: offset, as: UInt64.self)
                    }
                }
                next += hostPageSize
            }
        }
        return sum
    }
}
