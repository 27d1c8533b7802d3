/// The command line of `exec`, where docker's needs no `--`.
enum ExecArguments {
    /// Options that take a value, of which several letters may stand behind one dash.
    private static let valueLetters: Set<Character> = ["e", "w", "u"]
    private static let valueWords: Set<String> = ["--env", "--env-file", "--workdir", "--user"]

    /// Puts `--` in front of the command: the first word behind the machine's name that is no option.
    ///
    /// - Parameter arguments: behind `exec`.
    static func separated(_ arguments: [String]) -> [String] {
        var hasName = false
        var index = 0
        while index < arguments.count {
            let word = arguments[index]
            if word == "--" { return arguments }
            if word.hasPrefix("-") && word.count > 1 {
                index += takesNext(word) ? 2 : 1
                continue
            }
            if hasName { return arguments[..<index] + ["--"] + arguments[index...] }
            hasName = true
            index += 1
        }
        return arguments
    }

    /// Whether an option's value is the next word.
    private static func takesNext(_ word: String) -> Bool {
        if word.hasPrefix("--") { return valueWords.contains(word) }
        // In a group of letters, what stands behind one that takes a value is that.
        guard let index = word.firstIndex(where: { valueLetters.contains($0) }) else { return false }
        return word.index(after: index) == word.endIndex
    }
}
