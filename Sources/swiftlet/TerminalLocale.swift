import Host

/// What characters the user's terminal shows.
enum TerminalLocale {
    /// Whether they are Unicode's, by the variables that say so (`locale(7)`).
    static var isUTF8: Bool {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap(environmentVariable).first?.lowercased() ?? ""
        return locale.hasSuffix("utf-8") || locale.hasSuffix("utf8")
    }
}
