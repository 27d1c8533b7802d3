import TestSupport
import Testing

@testable import JSON

@Suite struct JSONParserTests {
    private func parse(_ text: String, allowsApostrophes: Bool = false) -> Result<JSONValue, JSONError> {
        do throws(JSONError) {
            return .success(try JSONParser.parse(Array(text.utf8)[...], allowsApostrophes: allowsApostrophes))
        } catch {
            return .failure(error)
        }
    }

    @Test func valuesOfEachKind() {
        #expect(parse(" null ") == .success(.null))
        #expect(parse("true") == .success(true))
        #expect(parse("false") == .success(false))
        #expect(parse("\"\"") == .success(""))
        #expect(parse("[]") == .success([]))
        #expect(parse("[1, [2], {}]") == .success([1, [2], [:]]))
        #expect(parse("{\"a\": {\"b\": null}, \"c\": [true]}") == .success(["a": ["b": .null], "c": [true]]))
    }

    @Test(arguments: [
        ("0", JSONValue.integer(0)), ("-0", .integer(0)), ("7", .integer(7)), ("-12", .integer(-12)),
        ("9223372036854775807", .integer(Int128(Int64.max))), ("-9223372036854775808", .integer(Int128(Int64.min))),
        ("18446744073709551615", .integer(Int128(UInt64.max))), ("18446744073709551616", .double(18446744073709551616)),
        ("1.5", .double(1.5)), ("-2e3", .double(-2000)), ("1E-2", .double(0.01)), ("10.25e+1", .double(102.5)),
    ])
    func numbers(text: String, value: JSONValue) {
        #expect(parse(text) == .success(value))
    }

    @Test(arguments: ["01", "-", "1.", ".5", "1e", "1e+", "+1", "-a", "1e999", "0x10", "--1", "NaN", "Infinity"])
    func numbersThatAreNone(text: String) {
        guard case .failure = parse(text) else {
            Issue.record("\(text) is accepted")
            return
        }
    }

    @Test func escapes() {
        #expect(parse(#""\"\\\/\b\f\n\r\t\u0041""#) == .success("\"\\/\u{8}\u{c}\n\r\tA"))
        #expect(parse(#""\ud83d\ude00""#) == .success("\u{1F600}"))
        for wrong in [#""\x""#, #""\u12""#, #""\u12g4""#, #""\ud83d""#, #""\ud83d\n""#, #""\ud83dA""#, #""\ude00""#] {
            #expect(parse(wrong) == .failure(.invalidEscape), "\(wrong)")
        }
        #expect(parse(#""\""#) == .failure(.unexpectedEnd))
    }

    @Test func mistakes() {
        #expect(parse("") == .failure(.unexpectedEnd))
        #expect(parse("[1") == .failure(.unexpectedEnd))
        #expect(parse("[1,]") == .failure(.unexpected("]")))
        #expect(parse("[,1]") == .failure(.unexpected(",")))
        #expect(parse("[1 2]") == .failure(.unexpected("2")))
        #expect(parse("{\"a\" 1}") == .failure(.unexpected("1")))
        #expect(parse("{a: 1}") == .failure(.unexpected("a")))
        #expect(parse("{\"a\": 1, \"a\": 2}") == .failure(.duplicateMember("a")))
        #expect(parse("1 2") == .failure(.trailingText))
        #expect(parse("nul") == .failure(.unexpectedEnd))
        #expect(parse("nult") == .failure(.unexpected("t")))
        #expect(parse("\"a\u{1}b\"") == .failure(.controlCharacter))
        #expect(parse("'a'") == .failure(.unexpected("'")))
        #expect(parse("{'a': 'it\\'s'}", allowsApostrophes: true) == .success(["a": "it's"]))
    }

    @Test func bytesThatAreNoText() {
        let wrong: [[UInt8]] = [
            [0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xC0, 0x80, 0x22],
        ]
        for bytes in wrong {
            #expect(throws: JSONError.invalidUTF8) { try JSONParser.parse(bytes[...]) }
        }
        #expect(throws: JSONError.self) { try JSONParser.parse([0xFF]) }
    }

    @Test func depthIsLimited() {
        let most = JSONParser.maximumDepth
        let deep = { (count: Int) in String(repeating: "[", count: count) + String(repeating: "]", count: count) }
        if case .failure = parse(deep(most)) { Issue.record("the deepest is refused") }
        #expect(parse(deep(most + 1)) == .failure(.tooDeep))
        #expect(parse(String(repeating: "[", count: 1 << 20)) == .failure(.tooDeep))
        #expect(parse(String(repeating: "{\"a\":", count: 1 << 16)) == .failure(.tooDeep))
    }

    /// What is written is read again as what it was.
    @Test func whatIsWrittenIsRead() throws {
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<2_000 {
            let value = random(depth: 4, &generator)
            #expect(try JSONParser.parse(value.text[...]) == value)
        }
    }

    private func random(depth: Int, _ generator: inout SeededGenerator) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &generator) {
        case 0: return .null
        case 1: return .boolean(.random(using: &generator))
        case 2: return .number(Int64.random(in: .min ... .max, using: &generator))
        case 3: return .number(UInt64.random(in: 0 ... .max, using: &generator))
        case 4: return .double(Double.random(in: -1e300...1e300, using: &generator))
        case 5: return .string(randomText(&generator))
        case 6:
            return .array(
                (0..<Int.random(in: 0..<4, using: &generator)).map { _ in random(depth: depth - 1, &generator) })
        default:
            return .object(
                (0..<Int.random(in: 0..<4, using: &generator)).map { number in
                    .init("\(number)" + randomText(&generator), random(depth: depth - 1, &generator))
                })
        }
    }

    private func randomText(_ generator: inout SeededGenerator) -> String {
        let scalars = (0..<Int.random(in: 0..<6, using: &generator)).compactMap { _ in
            Unicode.Scalar(
                UInt32.random(in: 0...0x11_0000, using: &generator) >> UInt32.random(in: 0..<16, using: &generator))
        }
        return String(String.UnicodeScalarView(scalars))
    }

    /// Nothing that anybody sends ends the process.
    @Test func garbageIsAnError() {
        var generator = SeededGenerator(seed: 12)
        let alphabet = Array("{}[]\",:\\u0123456789abcdeEtrfalsn.-+ '".utf8) + [0, 0x0A, 0xFF, 0xC3]
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0..<24, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator) ?? 0
            }
            guard let value = try? JSONParser.parse(bytes[...]) else { continue }
            #expect((try? JSONParser.parse(value.text[...])) == value)
        }
    }
}
