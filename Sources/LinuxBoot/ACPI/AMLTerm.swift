/// A statement of the ACPI machine language, as far as the tables here need it (ACPI specification 6.4, 20.2.5).
indirect enum AMLTerm {
    case scope(AMLName, [AMLTerm])
    case device(AMLName, [AMLTerm])
    case name(AMLName, AMLValue)
    case method(AMLName, argumentCount: UInt8, isSerialized: Bool, [AMLTerm])
    /// Runs the statements if the method's first argument has a value.
    case ifFirstArgumentEquals(UInt64, [AMLTerm])
    case notify(AMLName, value: UInt8)

    func encode(into bytes: inout [UInt8]) {
        switch self {
        case .scope(let name, let terms):
            bytes.append(0x10)
            bytes.append(amlPackage: name.characters + terms.encoded)
        case .device(let name, let terms):
            bytes += [0x5b, 0x82]
            bytes.append(amlPackage: name.characters + terms.encoded)
        case .name(let name, let value):
            bytes.append(0x08)
            bytes += name.characters
            value.encode(into: &bytes)
        case .method(let name, let argumentCount, let isSerialized, let terms):
            bytes.append(0x14)
            let flags = argumentCount & 7 | (isSerialized ? 1 << 3 : 0)
            bytes.append(amlPackage: name.characters + [flags] + terms.encoded)
        case .ifFirstArgumentEquals(let value, let terms):
            var body: [UInt8] = [0x93, 0x68]  // LEqual(Arg0, …)
            AMLValue.encode(integer: value, into: &body)
            bytes.append(0xa0)
            bytes.append(amlPackage: body + terms.encoded)
        case .notify(let name, let value):
            bytes.append(0x86)
            bytes += name.characters
            AMLValue.encode(integer: UInt64(value), into: &bytes)
        }
    }
}

extension [AMLTerm] {
    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        for term in self {
            term.encode(into: &bytes)
        }
        return bytes
    }
}

extension [UInt8] {
    /// Appends a body behind its length, which counts itself (PkgLength, 20.2.4).
    ///
    /// - Precondition: the body has less than 256 MiB.
    mutating func append(amlPackage body: [UInt8]) {
        if body.count + 1 < 1 << 6 {
            append(UInt8(body.count + 1))
        } else {
            // Four bits in the first byte, beside how many bytes follow, then eight in each of those.
            var following = 1
            while body.count + 1 + following >= 1 << (4 + 8 * following) { following += 1 }
            precondition(following <= 3, "an AML package of \(body.count) bytes is too long")
            let length = body.count + 1 + following
            append(UInt8(following << 6 | length & 0xf))
            for byte in 0..<following {
                append(UInt8(truncatingIfNeeded: length >> (4 + 8 * byte)))
            }
        }
        append(contentsOf: body)
    }
}
