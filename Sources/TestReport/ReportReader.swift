import JSON

/// A value of a report that is read, with its place there for what is wrong with it.
struct ReportReader {
    let value: JSONValue
    /// Such as `cases[3].outcome`.
    let path: String

    func error(_ problem: String) -> TestReportError {
        TestReportError(path: path, problem: problem)
    }

    private func expected(_ what: String) -> TestReportError {
        error("expected \(what), found \(value.kind)")
    }

    /// The member of that name; nil where there is none, or null.
    func optional(_ name: String) throws(TestReportError) -> ReportReader? {
        guard case .object = value else { throw expected("an object") }
        guard let member = value[name], member != .null else { return nil }
        return ReportReader(value: member, path: path.isEmpty ? name : "\(path).\(name)")
    }

    func member(_ name: String) throws(TestReportError) -> ReportReader {
        guard let member = try optional(name) else { throw error("has no \"\(name)\"") }
        return member
    }

    func string() throws(TestReportError) -> String {
        guard let string = value.string else { throw expected("a string") }
        return string
    }

    func unsigned() throws(TestReportError) -> UInt64 {
        guard let number = value.unsigned else { throw expected("a whole number from 0 to \(UInt64.max)") }
        return number
    }

    /// A whole number, or nil for null.
    func unsignedOrNull() throws(TestReportError) -> UInt64? {
        value == .null ? nil : try unsigned()
    }

    /// The number of a line.
    func line() throws(TestReportError) -> Int {
        guard let line = Int(exactly: try unsigned()) else { throw error("no file has so many lines") }
        return line
    }

    /// Any number; JSON has no way to write what is not finite but as a word.
    func number() throws(TestReportError) -> Double {
        switch value {
        case .integer(let number): return Double(number)
        case .double(let number): return number
        case "infinity": return .infinity
        case "-infinity": return -.infinity
        case "nan": return .nan
        default: throw expected("a number")
        }
    }

    func boolean() throws(TestReportError) -> Bool {
        guard case .boolean(let truth) = value else { throw expected("true or false") }
        return truth
    }

    func elements() throws(TestReportError) -> [ReportReader] {
        guard case .array(let elements) = value else { throw expected("an array") }
        return elements.enumerated().map { ReportReader(value: $1, path: "\(path)[\($0)]") }
    }

    func strings() throws(TestReportError) -> [String] {
        try elements().map { (element) throws(TestReportError) in try element.string() }
    }

    /// One of the words that a type has.
    func word<Word: RawRepresentable<String> & CaseIterable>(
        _ type: Word.Type = Word.self
    ) throws(TestReportError) -> Word {
        let text = try string()
        guard let word = Word(rawValue: text) else {
            throw error("\"\(text)\" is none of \(Word.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return word
    }
}
