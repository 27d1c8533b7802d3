/// The address of an Ethernet interface.
public struct MACAddress: Sendable, Hashable, CustomStringConvertible {
    /// Its 6 bytes, the first of them first.
    public let bytes: [UInt8]

    /// - Precondition: there are 6.
    public init(_ bytes: [UInt8]) {
        precondition(bytes.count == 6)
        self.bytes = bytes
    }

    /// Reads six numbers of two hexadecimal digits, as in `52:54:00:12:34:56`; nil for anything else.
    public init?(parsing text: String) {
        var bytes: [UInt8] = []
        for part in text.split(separator: ":", omittingEmptySubsequences: false) {
            let digits = part.utf8
            guard digits.count == 2, digits.allSatisfy(\.isHexadecimalDigit), let byte = UInt8(part, radix: 16) else {
                return nil
            }
            bytes.append(byte)
        }
        guard bytes.count == 6 else { return nil }
        self.bytes = bytes
    }

    /// An address of nobody's in particular ("locally administered"), always the same for the same name.
    ///
    /// - Parameter name: of the machine and of the device, say.
    public init(derivedFrom name: String) {
        // FNV-1a, of 64 bits.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        self.init(local: hash ^ hash >> 32)
    }

    /// An address of nobody's in particular, another one each time.
    public static func random() -> MACAddress { MACAddress(local: .random(in: 0...UInt64.max)) }

    private init(local number: UInt64) {
        bytes = (0..<6).map { index in
            let byte = UInt8(truncatingIfNeeded: number >> (8 * UInt64(index)))
            return index == 0 ? byte & 0xFC | 0x02 : byte
        }
    }

    /// Whether it stands for a group of interfaces, or all of them.
    public var isMulticast: Bool { bytes[0] & 1 != 0 }

    public var description: String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 0xF, radix: 16) }.joined(separator: ":")
    }
}

extension UInt8 {
    fileprivate var isHexadecimalDigit: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}
