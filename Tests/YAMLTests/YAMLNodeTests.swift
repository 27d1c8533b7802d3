import Testing
import YAML

@Suite struct YAMLNodeTests {
    private func parse(_ text: String) throws -> YAMLNode? { try YAMLNode.parse(Array(text.utf8)) }

    private func problem(_ text: String) -> String? {
        do throws(YAMLError) {
            _ = try YAMLNode.parse(Array(text.utf8))
            return nil
        } catch {
            return error.description
        }
    }

    /// The tree as one text, for comparison.
    private func outline(_ node: YAMLNode?) -> String {
        switch node?.content {
        case nil: "-"
        case .scalar(let text, let isPlain): isPlain ? text : "'\(text)'"
        case .sequence(let nodes): "[" + nodes.map(outline).joined(separator: " ") + "]"
        case .mapping(let entries): "{" + entries.map { "\($0.key)=\(outline($0.value))" }.joined(separator: " ") + "}"
        }
    }

    @Test func blocksAndFlowsAndJSON() throws {
        let tree = "{a=1 b=[x 'y, z' {c=}] d={}}"
        #expect(outline(try parse("a: 1 # one\nb:\n  - x\n  - 'y, z'\n  - c:\nd: {}\n")) == tree)
        #expect(outline(try parse("{a: 1, b: [x, \"y, z\", {c: }], d: {}}")) == tree)
        #expect(
            outline(try parse("{\n\t\"a\": 1,\n\t\"b\": [true, null, -2.5, \"\\u00e9\"]}"))
                == "{a=1 b=[true null -2.5 'é']}")
        #expect(outline(try parse("")) == "-")
        #expect(outline(try parse("# nothing\n---\n")) == "")
    }

    @Test func linesAreWhereThingsBegin() throws {
        guard case .mapping(let entries)? = try parse("a: 1\n\nb:\n  - x\n  - y\n")?.content,
            case .sequence(let nodes) = entries[1].value.content
        else {
            Issue.record("another tree")
            return
        }
        #expect(entries.map(\.line) == [1, 3])
        #expect(nodes.map(\.line) == [4, 5])
    }

    @Test func aliasesAreWhatTheyStandFor() throws {
        #expect(outline(try parse("a: &x {b: 1}\nc: [*x, *x]\n")) == "{a={b=1} c=[{b=1} {b=1}]}")
        #expect(problem("a: *x\n") == "line 1: there is no anchor &x")
        // What is not complete yet can't be meant: no tree contains itself.
        #expect(problem("a: &x\n  b: *x\n") == "line 2: there is no anchor &x")
    }

    @Test func whatIsNoYAMLIsRefusedWithItsLine() throws {
        #expect(problem("a: 1\nb: [1,\n")?.hasPrefix("line ") == true)
        #expect(problem("a: 1\n\tb: 2\n")?.hasPrefix("line 2: ") == true)
        #expect(problem("a: 1\nb: 2\na: 3\n") == "line 3: \"a\" is given twice")
        #expect(problem("? [a]\n: 1\n") == "line 1: a key must be a text")
        #expect(problem("a: 1\n---\nb: 2\n") == "line 2: a second document begins here; there can be one in a file")
        #expect(problem("\u{0}\u{1}") != nil)
        #expect((try? YAMLNode.parse([0xFF, 0xFE, 0xC0])) == nil)
    }

    /// Neither depth nor aliases of aliases can cost more than a file of that length should.
    @Test func sizeHasItsLimits() throws {
        #expect(problem(String(repeating: "[", count: 10_000))?.contains("nested too deeply") == true)
        let bomb = "a0: &a0 x\n" + (1..<30).map { "a\($0): &a\($0) [*a\($0 - 1), *a\($0 - 1)]\n" }.joined()
        #expect(problem(bomb)?.contains("too large") == true)
    }
}
