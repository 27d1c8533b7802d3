extension String {
    /// Whether a device can be called by it: 1 to 64 letters, digits and the signs - _ .
    var isIdentifier: Bool {
        (1...64).contains(utf8.count) && utf8.allSatisfy(\.isIdentifierCharacter)
    }
}

extension UInt8 {
    fileprivate var isIdentifierCharacter: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
