import AgentChannel
import AgentProtocol

/// One side of a copy.
enum CopyPlace {
    case here(CopyPath)
    case guest(machine: String, CopyPath)

    /// `NAME:PATH` is in a guest, anything else here: so is what begins with a slash or a dot.
    init(_ text: String) {
        guard let colon = text.firstIndex(of: ":"), let first = text.first, first != "/", first != ".",
            colon != text.startIndex, !text[..<colon].contains("/")
        else {
            self = .here(CopyPath(text))
            return
        }
        self = .guest(machine: String(text[..<colon]), CopyPath(String(text[text.index(after: colon)...])))
    }
}

/// A path with what its end says.
struct CopyPath {
    private let text: String

    init(_ text: String) {
        self.text = text
    }

    var isEmpty: Bool { text.isEmpty }

    /// In a guest, where nobody has a working directory.
    var inGuest: CopyPath { CopyPath(text.hasPrefix("/") ? text : "/" + text) }

    /// Whether what is in a directory is meant, and not the directory itself.
    var meansContents: Bool { text == "." || text.hasSuffix("/.") || text.allSatisfy { $0 == "/" } }

    /// As whoever reads or writes it wants it: a slash at its end asks for a directory.
    private var bytes: [UInt8] {
        if text == "." { return Array("./".utf8) }
        return Array((text.hasSuffix("/.") ? String(text.dropLast()) : text).utf8)
    }

    /// What it is called in a directory that it is copied into.
    var name: EntryName {
        EntryName(bytes.withoutTrailingSlashes.lastName) ?? .unnamed
    }

    func source(followsLink: Bool) -> CopySource { CopySource(path: bytes, followsLink: followsLink) }

    func target(takesContents: Bool) -> CopyTarget { CopyTarget(path: bytes, takesContents: takesContents) }
}
