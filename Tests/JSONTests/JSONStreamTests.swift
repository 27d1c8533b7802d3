import TestSupport
import Testing

@testable import JSON

@Suite struct JSONStreamTests {
    private static let text = """
        {"execute": "a"}{"execute":"b","arguments":{"x":"}\\"{","y":[1,{}]}}
          [1,2]
        garbage } here
        {"c": 'no'}
        {"d": "unclosed
        {"e": 1}
        """

    private static let results: [Result<JSONValue, JSONError>] = [
        .success(["execute": "a"]), .success(["execute": "b", "arguments": ["x": "}\"{", "y": [1, [:]]]]),
        .success([1, 2]), .failure(.unexpected("g")), .failure(.unexpected("'")), .failure(.controlCharacter),
        .success(["e": 1]),
    ]

    @Test func valuesAreCutOutOfAStream() {
        var stream = JSONStream()
        #expect(stream.receive(Self.text.utf8) == Self.results)
        #expect(!stream.hasEnded)
    }

    /// Wherever the stream is cut, and byte by byte.
    @Test func pieceByPiece() {
        let bytes = Array(Self.text.utf8)
        for cut in bytes.indices {
            var stream = JSONStream()
            #expect(stream.receive(bytes[..<cut]) + stream.receive(bytes[cut...]) == Self.results, "at \(cut)")
        }
        var stream = JSONStream()
        #expect(bytes.flatMap { stream.receive([$0]) } == Self.results)
    }

    @Test func apostrophesWhereTheyAreAllowed() {
        var stream = JSONStream(allowsApostrophes: true)
        #expect(stream.receive("{'a': '}\"'}".utf8) == [.success(["a": "}\""])])
    }

    @Test func whatIsTooLongEndsTheStream() {
        var stream = JSONStream()
        let most = JSONStream.defaultMaximumLength
        let fits = "[\"" + String(repeating: "x", count: most - 4) + "\"]"
        #expect(stream.receive(fits.utf8).count == 1)
        #expect(!stream.hasEnded)
        let long = "[\"" + String(repeating: "x", count: most - 3) + "\"]"
        #expect(stream.receive(long.utf8) == [.failure(.tooLong)])
        #expect(stream.hasEnded)
        #expect(stream.receive("{}".utf8) == [])
    }

    /// A line that is no value takes no memory, however long it is, and is told once.
    @Test func garbageIsSkipped() {
        var stream = JSONStream()
        var results: [Result<JSONValue, JSONError>] = []
        for _ in 0..<100 { results += stream.receive([UInt8](repeating: 0xA5, count: 10_000)) }
        #expect(results == [.failure(.unexpected("\u{FFFD}"))])
        #expect(stream.receive("\n{}".utf8) == [.success([:])])
    }
}
