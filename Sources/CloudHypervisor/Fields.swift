import JSON

/// An object of a client's JSON, taken apart field by field; what nobody takes is a mistake. `null` counts as left out.
struct Fields {
    /// Where the object is, such as `memory.zones[1]`; empty for the outermost.
    let path: String
    private var members: [JSONValue.Member]

    /// - Throws: `APIError` 400 for what is no object.
    init(_ value: JSONValue, at path: String = "") throws(APIError) {
        guard case .object(let members) = value else {
            throw .invalid(path.isEmpty ? "the body" : path, "must be an object, not \(value.article)")
        }
        self.path = path
        self.members = members.filter { $0.value != .null }
    }

    /// Reads a request's body.
    ///
    /// - Throws: `APIError` 400 for what is no JSON, or no object.
    init(body: [UInt8]) throws(APIError) {
        guard !body.isEmpty else { throw .invalid("the body", "must be a JSON object, and is empty") }
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONParser.parse(body[...])
        } catch {
            throw .invalid("the body", "\(error)")
        }
        try self.init(value)
    }

    /// The path of one of its fields.
    func path(of name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    func invalid(_ name: String, _ problem: String) -> APIError { .invalid(path(of: name), problem) }

    /// Takes a field as it is.
    mutating func take(_ name: String) -> JSONValue? {
        guard let index = members.firstIndex(where: { $0.name == name }) else { return nil }
        return members.remove(at: index).value
    }

    /// Takes a field of one type.
    ///
    /// - Parameter type: what it must be, in words.
    private mutating func take<Value>(
        _ name: String, _ type: String, _ convert: (JSONValue) -> Value?
    ) throws(APIError) -> Value? {
        guard let value = take(name) else { return nil }
        guard let converted = convert(value) else {
            throw invalid(name, "must be \(type), not \(value.article)")
        }
        return converted
    }

    /// Turns a missing field into an error.
    func required<Value>(_ name: String, _ value: Value?) throws(APIError) -> Value {
        guard let value else { throw invalid(name, "is missing") }
        return value
    }

    mutating func flag(_ name: String) throws(APIError) -> Bool? {
        try take(name, "true or false") { if case .boolean(let flag) = $0 { flag } else { nil } }
    }

    mutating func string(_ name: String) throws(APIError) -> String? {
        try take(name, "a string") { $0.string }
    }

    /// A path or another text for a system call, which a zero byte would end.
    mutating func path(_ name: String) throws(APIError) -> String? {
        guard let text = try string(name) else { return nil }
        guard !text.isEmpty, !text.utf8.contains(0) else { throw invalid(name, "is empty or contains a zero byte") }
        return text
    }

    /// A number of bytes, which the API has as signed 64 bits.
    mutating func size(_ name: String) throws(APIError) -> UInt64? {
        try number(name, 0...UInt64(Int64.max))
    }

    mutating func number<Number: FixedWidthInteger & Sendable>(
        _ name: String, _ range: ClosedRange<Number>
    ) throws(APIError) -> Number? {
        guard let value = take(name) else { return nil }
        return try Self.number(value, at: path(of: name), range)
    }

    static func number<Number: FixedWidthInteger & Sendable>(
        _ value: JSONValue, at path: String, _ range: ClosedRange<Number>
    ) throws(APIError) -> Number {
        guard let number = value.whole.flatMap({ Number(exactly: $0) }), range.contains(number) else {
            let given = value.whole.map { "\($0)" } ?? value.article
            throw .invalid(path, "must be a whole number from \(range.lowerBound) to \(range.upperBound), not \(given)")
        }
        return number
    }

    mutating func array(_ name: String) throws(APIError) -> [JSONValue]? {
        try take(name, "an array") { if case .array(let elements) = $0 { elements } else { nil } }
    }

    mutating func object(_ name: String) throws(APIError) -> Fields? {
        guard let value = take(name) else { return nil }
        return try Fields(value, at: path(of: name))
    }

    /// An array of objects; empty where it is left out.
    mutating func objects(_ name: String) throws(APIError) -> [Fields] {
        var objects: [Fields] = []
        for (index, value) in (try array(name) ?? []).enumerated() {
            objects.append(try Fields(value, at: "\(path(of: name))[\(index)]"))
        }
        return objects
    }

    /// One of some words.
    mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ name: String, as type: Choice.Type
    ) throws(APIError) -> Choice? {
        guard let text = try string(name) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw invalid(name, "is \"\(text.prefix(100))\"; it may be \(known)")
        }
        return choice
    }

    /// To be called when all are taken.
    func finish() throws(APIError) {
        guard let odd = members.first else { return }
        throw invalid(String(odd.name.prefix(100)), "is no field that is known here")
    }
}

extension JSONValue {
    /// A number without a fraction; `1.0` is one, as JSON has it.
    fileprivate var whole: Int128? {
        switch self {
        case .integer(let number): number
        case .double(let number): Int128(exactly: number)
        default: nil
        }
    }

    /// What kind of value it is, with its article.
    fileprivate var article: String {
        switch self {
        case .null: "null"
        case .boolean(let flag): "\(flag)"
        case .integer, .double: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}
