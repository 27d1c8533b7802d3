import Monitor
import TestSupport
import Testing

@Suite struct LineEditorTests {
    private func parse(_ text: String, echoes: Bool = false) -> [LineEditor.Event] {
        var editor = LineEditor(echoes: echoes)
        return editor.parse(Array(text.utf8))
    }

    private func lines(_ text: String, echoes: Bool = true) -> [LineEditor.Event] {
        parse(text, echoes: echoes).filter { event in
            if case .echo = event { false } else { true }
        }
    }

    private func echo(_ text: String) -> String {
        let bytes = parse(text, echoes: true).flatMap { event -> [UInt8] in
            if case .echo(let bytes) = event { bytes } else { [] }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: From a socket

    @Test func linesEndWithLineFeedReturnOrBoth() {
        #expect(parse("a\nb\r\nc\rd\n\n") == [.line("a"), .line("b"), .line("c"), .line("d"), .line("")])
        #expect(parse("a\r\r\nb") == [.line("a"), .line("")])
        #expect(parse("\n\r\n") == [.line(""), .line("")])
        #expect(parse("unfinished") == [])
    }

    @Test func everythingElseBelongsToTheLine() {
        #expect(parse("a\tb\u{3}\u{7F}\u{8}\u{1B}[A\n") == [.line("a\tb\u{3}\u{7F}\u{8}\u{1B}[A")])
        var editor = LineEditor(echoes: false)
        #expect(editor.parse([0xFF, 0xC3, 0xA9, 0x0A]) == [.line("\u{FFFD}é")])
    }

    @Test func aLineHasALimit() {
        let longest = String(repeating: "x", count: LineEditor.limit)
        #expect(parse(longest + "\n") == [.line(longest)])
        #expect(parse(longest + "y\nnext\n") == [.tooLong, .line("next")])
        #expect(parse(longest + longest + longest + "\rz\n") == [.tooLong, .line("z")])
    }

    // MARK: From a terminal

    @Test func keysAreEchoed() {
        #expect(echo("info\r") == "info\n")
        #expect(lines("info\r") == [.line("info")])
        #expect(echo("é") == "é")
    }

    @Test func backspaceErases() {
        #expect(lines("stopp\u{7F}\r") == [.line("stop")])
        #expect(lines("stopp\u{8}\r") == [.line("stop")])
        #expect(echo("ab\u{7F}") == "ab\u{8} \u{8}")
        #expect(echo("\u{7F}") == "", "there is nothing")
        #expect(lines("é\u{7F}x\r") == [.line("x")], "a character is erased, not a byte")
        #expect(echo("é\u{7F}") == "é\u{8} \u{8}")
    }

    @Test func controlUErasesTheLine() {
        #expect(lines("abc\u{15}def\r") == [.line("def")])
        #expect(echo("aé\u{15}") == "aé\u{8} \u{8}\u{8} \u{8}")
        #expect(echo("\u{15}") == "")
    }

    @Test func controlCGivesTheLineUp() {
        #expect(lines("quit\u{3}\r") == [.line(""), .line("")])
        #expect(echo("q\u{3}") == "q^C\n")
    }

    @Test func aLineThatIsTooLongCanBeGivenUp() {
        let tooLong = String(repeating: "x", count: LineEditor.limit + 1)
        #expect(lines(tooLong + "\u{3}stop\r") == [.line(""), .line("stop")])
        #expect(lines(tooLong + "\u{15}stop\r") == [.line("stop")])
        #expect(lines(tooLong + "\rstop\r") == [.tooLong, .line("stop")])
    }

    @Test func otherControlKeysAreNobodys() {
        #expect(lines("a\u{0}\u{1}\u{4}\tb\u{1A}\r") == [.line("ab")])
    }

    @Test func arrowsAndFunctionKeysAreNobodys() {
        for sequence in ["\u{1B}[A", "\u{1B}OP", "\u{1B}[1;5C", "\u{1B}[24~", "\u{1B}x", "\u{1B}[200~"] {
            #expect(lines("st\(sequence)op\r") == [.line("stop")], "\(sequence.dropFirst())")
            #expect(echo("st\(sequence)op") == "stop")
        }
    }

    // MARK: Pieces

    /// Bytes mean the same however a terminal or a socket cuts them.
    @Test(arguments: 0..<12 as Range<UInt64>)
    func piecesDoNotMatter(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let keys: [UInt8] = [
            0x0A, 0x0D, 0x0D, 0x61, 0x62, 0x20, 0x7F, 0x08, 0x15, 0x03, 0x1B, 0x5B, 0x4F, 0x41, 0x31, 0x3B, 0xC3, 0xA9,
            0xF0, 0x9F, 0x98, 0x80, 0xFF, 0x00, 0x09,
        ]
        for echoes in [true, false] {
            var bytes: [UInt8] = []
            for _ in 0..<8 {
                bytes += (0..<40).map { _ in keys.randomElement(using: &random) ?? 0 }
                if Int.random(in: 0..<10, using: &random) == 0 {
                    bytes += [UInt8](repeating: 0x78, count: Int.random(in: 4000...4200, using: &random))
                }
            }
            var (whole, cut) = (LineEditor(echoes: echoes), LineEditor(echoes: echoes))
            var events: [LineEditor.Event] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...9, using: &random))
                events += cut.parse(Array(piece))
                rest = rest.dropFirst(piece.count)
            }
            #expect(events == whole.parse(bytes))
            for case .line(let line) in events {
                #expect(line.utf8.count <= LineEditor.limit * 3)
            }
        }
    }
}
