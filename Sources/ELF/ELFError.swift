/// Why a file can't be read as ELF.
public enum ELFError: Error, Sendable, Equatable, CustomStringConvertible {
    /// It is something else.
    case notELF
    /// It begins like ELF, but its headers lead nowhere; the text is libelf's.
    case malformed(String)

    public var description: String {
        switch self {
        case .notELF: "not an ELF file"
        case .malformed(let reason): "malformed ELF file: \(reason)"
        }
    }
}
