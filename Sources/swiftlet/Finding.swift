/// One line of `swiftlet doctor`.
struct Finding: Equatable {
    enum Mark: String {
        case good = "ok"
        /// Guests can run without it.
        case notice = "note"
        /// Guests can't run without it.
        case bad = "no"
    }

    let mark: Mark
    let text: String
    /// The command that mends it, or advice where no command does.
    let remedy: String?

    init(_ mark: Mark, _ text: String, remedy: String? = nil) {
        self.mark = mark
        self.text = text
        self.remedy = remedy
    }

    /// The finding on one line, and what mends it on another.
    var lines: [String] {
        let label = "[\(mark.rawValue)]"
        let indent = String(repeating: " ", count: 7)
        return [label + indent.dropFirst(label.count) + text] + (remedy.map { [indent + "-> " + $0] } ?? [])
    }
}
