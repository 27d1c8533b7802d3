/// An option's value in the form `key=value,key=value`, taken apart and checked for its keys.
struct OptionText {
    /// The option and what was given, for error messages: `--virtio-mem id=vm0,size=8G`.
    let option: String
    private let keys: [String]
    private var values = NamedValues()

    /// - Parameters:
    ///   - option: name of the option, with its dashes.
    ///   - text: what the user gave for it.
    ///   - keys: all keys that are allowed, in the order in which an error lists them.
    ///   - hiddenKeys: others that are allowed, and not for users.
    ///   - repeatable: those of them that may be given more than once.
    ///   - rest: a key whose value is the whole remaining text, whatever signs that has.
    ///   - open: a key whose value ends only where one of the keys follows: it may have commas.
    init(
        _ option: String, _ text: some StringProtocol, keys: [String], hiddenKeys: [String] = [],
        repeatable: [String] = [], rest: String? = nil, open: String? = nil
    ) throws(ConfigurationError) {
        self.option = text.isEmpty ? option : "\(option) \(text)"
        self.keys = keys
        guard !text.isEmpty else {
            throw problem("empty")
        }
        // Swift compares Characters with what combines with them, so a comma before an accent would hide: scalars.
        var remaining = Substring(text).unicodeScalars
        while true {
            if let rest, remaining.starts(with: "\(rest)=".unicodeScalars) {
                values.append(String(remaining.dropFirst(rest.unicodeScalars.count + 1)), as: rest)
                return
            }
            var word = remaining.prefix { $0 != "," }
            if let open, remaining.starts(with: "\(open)=".unicodeScalars) {
                word = Self.word(of: remaining, upTo: keys)
            }
            guard let sign = word.firstIndex(of: "=") else {
                throw problem("\"\(String(word))\" is not of the form key=value")
            }
            let key = String(word[..<sign])
            guard keys.contains(key) || hiddenKeys.contains(key) else {
                throw problem("unknown key \"\(key)\"")
            }
            guard value(key) == nil || repeatable.contains(key) else {
                throw problem("\"\(key)\" is given twice")
            }
            values.append(String(word[word.index(after: sign)...]), as: key)
            guard word.endIndex != remaining.endIndex else { return }
            remaining = remaining[remaining.index(after: word.endIndex)...]
        }
    }

    /// What stands before the first comma that one of the keys follows.
    private static func word(
        of text: Substring.UnicodeScalarView, upTo keys: [String]
    ) -> Substring.UnicodeScalarView {
        for index in text.indices where text[index] == "," {
            let rest = text[text.index(after: index)...]
            if keys.contains(where: { rest.starts(with: "\($0)=".unicodeScalars) }) { return text[..<index] }
        }
        return text
    }

    /// An error about the option that lists the allowed keys.
    func problem(_ text: String) -> ConfigurationError {
        ConfigurationError(option, "\(text); the keys are \(keys.joined(separator: ", "))")
    }

    /// All values of a key, in order.
    func all(_ key: String) -> [String] { values.all(key) }

    /// The value of a key, or nil where it isn't given.
    func value(_ key: String) -> String? { values.first(key) }

    /// The value of a key that must be given.
    func required(_ key: String) throws(ConfigurationError) -> String {
        guard let value = value(key) else {
            throw problem("\"\(key)\" is missing")
        }
        return value
    }

    /// The size under a key, in bytes; nil where it isn't given.
    func size(_ key: String) throws(ConfigurationError) -> UInt64? {
        guard let value = value(key) else { return nil }
        do {
            return try ByteSize(parsing: value).bytes
        } catch {
            throw ConfigurationError(option, "\(key) \(error)")
        }
    }

    /// The number under a key; nil where it isn't given.
    func number<Number: FixedWidthInteger>(_ key: String, as type: Number.Type) throws(ConfigurationError) -> Number? {
        guard let value = value(key) else { return nil }
        guard let number = Number(decimal: value) else {
            throw ConfigurationError(option, "\(key) \"\(value)\" is not a number from 0 to \(Number.max)")
        }
        return number
    }
}

extension FixedWidthInteger {
    /// A number of decimal digits alone: no sign, which the standard library would take.
    init?(decimal text: some StringProtocol) {
        guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        self.init(text, radix: 10)
    }
}
