/// Puts values one after the other: integers little-endian, bytes and lists behind their number.
struct PayloadWriter {
    private(set) var bytes: [UInt8] = []

    mutating func put(_ value: some FixedWidthInteger) {
        for index in 0..<value.bitWidth / 8 {
            bytes.append(UInt8(truncatingIfNeeded: value >> (8 * index)))
        }
    }

    mutating func put(_ flag: Bool) { put(flag ? 1 as UInt8 : 0) }

    mutating func put(_ value: [UInt8]) {
        put(UInt32(truncatingIfNeeded: value.count))
        bytes += value
    }

    mutating func put(_ text: String) { put(Array(text.utf8)) }

    mutating func put<Element>(_ list: [Element], _ write: (inout PayloadWriter, Element) -> Void) {
        put(UInt32(truncatingIfNeeded: list.count))
        for element in list {
            write(&self, element)
        }
    }
}
