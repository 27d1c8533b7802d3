/// A name segment of the ACPI machine language: four characters of `A` to `Z`, `0` to `9` and `_`, not beginning with
/// a digit (ACPI specification 6.4, 20.2.2).
struct AMLName: ExpressibleByStringLiteral {
    let characters: [UInt8]

    /// - Precondition: four characters; names are written in this module's source, never made of input.
    init(stringLiteral value: StaticString) {
        characters = Array(value.description.utf8)
        precondition(characters.count == 4, "\(value) has not four characters")
    }

    /// A letter and a number, in three hexadecimal digits.
    ///
    /// - Precondition: the index is less than 4096.
    init(prefix: Character, index: Int) {
        precondition(index < 0x1000, "no name for device \(index)")
        let digits = String(index, radix: 16, uppercase: true)
        let padding = String(repeating: "0", count: 3 - digits.count)
        characters = Array("\(prefix)\(padding)\(digits)".utf8)
    }
}
