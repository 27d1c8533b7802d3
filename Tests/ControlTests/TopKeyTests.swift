import Control
import TestSupport
import Testing

@Suite struct TopKeyTests {
    private func keys(_ text: String) -> [TopKey] {
        var parser = TopKeyParser()
        return parser.parse(text.utf8)
    }

    @Test(arguments: [
        ("q", [TopKey.quit]), ("\u{3}", [.interrupt]), ("\u{1A}", [.suspend]), ("\u{1C}", [.abort]),
        ("\u{C}", [.redraw]), ("d", [.toggleDevices]), ("\u{1B}[A\u{1B}OB", [.scroll(.up), .scroll(.down)]),
        ("\u{1B}[5~\u{1B}[6~", [.scroll(.pageUp), .scroll(.pageDown)]),
        ("\u{1B}[H\u{1B}[F\u{1B}[1~\u{1B}[4~", [.scroll(.home), .scroll(.end), .scroll(.home), .scroll(.end)]),
        ("x ä\r\u{1B}[Z\u{1B}[15~", []), ("\u{1B}q", [.quit]), ("\u{1B}\u{1B}[A", [.scroll(.up)]),
        ("\u{1B}[1;5A", [.scroll(.up)]),
    ])
    func keysAreFound(text: String, keys: [TopKey]) {
        #expect(self.keys(text) == keys)
    }

    @Test func piecesAreJoined() {
        var parser = TopKeyParser()
        #expect("\u{1B}[6~".utf8.flatMap { parser.parse([$0]) } == [.scroll(.pageDown)])
    }

    /// Whatever comes, q ends it.
    @Test func nothingKeepsAnybodyFromQuitting() {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<1000 {
            var parser = TopKeyParser()
            let length = Int.random(in: 0...40, using: &random)
            _ = parser.parse((0..<length).map { _ in UInt8.random(in: 0...255, using: &random) })
            // The first may be the end of a sequence.
            #expect(parser.parse("qqq".utf8).contains(.quit))
        }
    }
}
