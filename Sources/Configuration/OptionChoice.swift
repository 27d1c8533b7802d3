/// A value that is one of a few words.
protocol OptionChoice: CaseIterable {
    init?(optionText: String)
    /// The word.
    var optionText: String { get }
}

extension OptionChoice where Self: RawRepresentable, RawValue == String {
    init?(optionText: String) {
        self.init(rawValue: optionText)
    }

    var optionText: String { rawValue }
}

extension OptionText {
    /// The word under a key; nil where it isn't given.
    func choice<Choice: OptionChoice>(_ key: String, as type: Choice.Type) throws(ConfigurationError) -> Choice? {
        guard let text = value(key) else { return nil }
        guard let choice = Choice(optionText: text) else {
            let words = Choice.allCases.map(\.optionText)
            let list = words.dropLast().joined(separator: ", ") + " and " + (words.last ?? "")
            throw ConfigurationError(option, "\(key) \"\(text)\" is not one of \(list)")
        }
        return choice
    }

    /// The switch under a key; nil where it isn't given.
    func flag(_ key: String) throws(ConfigurationError) -> Bool? {
        switch value(key) {
        case nil: return nil
        case "on"?: return true
        case "off"?: return false
        case let text?: throw ConfigurationError(option, "\(key) \"\(text)\" is neither on nor off")
        }
    }

    /// The span of time under a key, in milliseconds; nil where it isn't given.
    func duration(_ key: String) throws(ConfigurationError) -> UInt64? {
        guard let value = value(key) else { return nil }
        do {
            return try Milliseconds(parsing: value).count
        } catch {
            throw ConfigurationError(option, "\(key) \(error)")
        }
    }
}
