/// Why a text is not JSON, or none that is accepted.
public enum JSONError: Error, Equatable, CustomStringConvertible {
    case unexpected(Character)
    case unexpectedEnd
    case invalidUTF8
    case invalidEscape
    case invalidNumber
    /// A control character that is written as it is within a string.
    case controlCharacter
    case duplicateMember(String)
    case trailingText
    case tooDeep
    case tooLong

    public var description: String {
        switch self {
        case .unexpected(let character): "JSON parse error, stray '\(character)'"
        case .unexpectedEnd: "JSON parse error, the text ends within a value"
        case .invalidUTF8: "JSON parse error, invalid UTF-8 sequence in string"
        case .invalidEscape: "JSON parse error, invalid escape sequence in string"
        case .invalidNumber: "JSON parse error, invalid number"
        case .controlCharacter: "JSON parse error, control character in string"
        case .duplicateMember(let name): "JSON parse error, duplicate key '\(name)'"
        case .trailingText: "JSON parse error, text behind the value"
        case .tooDeep: "JSON parse error, nested more than \(JSONParser.maximumDepth) levels deep"
        case .tooLong: "JSON parse error, the value is too long"
        }
    }
}
