/// Data in the ACPI machine language, as far as the tables here need it (ACPI specification 6.4, 20.2.3).
indirect enum AMLValue {
    case integer(UInt64)
    /// ASCII without a zero byte.
    case string(StaticString)
    /// A vendor of three letters and four hexadecimal digits, compressed to 32 bits (19.3.4, EISAID).
    case eisaID(StaticString)
    case package([AMLValue])
    /// A resource template.
    case resources([ACPIResource])

    func encode(into bytes: inout [UInt8]) {
        switch self {
        case .integer(let value): Self.encode(integer: value, into: &bytes)
        case .string(let text):
            bytes.append(0x0d)
            bytes += Array(text.description.utf8)
            bytes.append(0)
        case .eisaID(let text):
            bytes.append(0x0c)
            bytes += Self.compressed(eisaID: Array(text.description.utf8))
        case .package(let elements):
            var body = [UInt8(elements.count)]
            for element in elements {
                element.encode(into: &body)
            }
            bytes.append(0x12)
            bytes.append(amlPackage: body)
        case .resources(let resources):
            let template = resources.flatMap(\.encoded) + [0x79, 0]  // end tag, without a checksum
            var body: [UInt8] = []
            Self.encode(integer: UInt64(template.count), into: &body)
            bytes.append(0x11)
            bytes.append(amlPackage: body + template)
        }
    }

    /// The shortest form of an integer.
    static func encode(integer value: UInt64, into bytes: inout [UInt8]) {
        switch value {
        case 0, 1:
            bytes.append(UInt8(value))
        case ...0xff:
            bytes += [0x0a, UInt8(value)]
        case ...0xffff:
            bytes.append(0x0b)
            bytes.append(littleEndian: UInt16(value))
        case ...0xffff_ffff:
            bytes.append(0x0c)
            bytes.append(littleEndian: UInt32(value))
        default:
            bytes.append(0x0e)
            bytes.append(littleEndian: value)
        }
    }

    /// Five bits a letter, four a digit, most significant byte first.
    private static func compressed(eisaID text: [UInt8]) -> [UInt8] {
        precondition(text.count == 7, "three letters and four digits")
        let letters = text[..<3].reduce(UInt32(0)) { $0 << 5 | UInt32($1 & 0x1f) }
        let digits = text[3...].reduce(UInt32(0)) { value, character in
            value << 4 | UInt32(character < 0x40 ? character & 0xf : (character & 0xf) + 9)
        }
        let value = letters << 16 | digits
        return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
    }
}
