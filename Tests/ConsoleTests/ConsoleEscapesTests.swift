@testable import Console
import TestSupport
import Testing

@Suite struct ConsoleEscapesTests {
    private func parse(_ pieces: [UInt8]...) -> [ConsoleEscapes.Action] {
        var escapes = ConsoleEscapes()
        return pieces.flatMap { escapes.parse($0) }
    }

    private static let prefix: UInt8 = 1

    @Test func keysAreInput() {
        #expect(parse(Array("ls\r".utf8)) == [.input(Array("ls\r".utf8))])
        #expect(
            parse([3, 4, 26, 28, 0x1B, 0xFF, 0]) == [.input([3, 4, 26, 28, 0x1B, 0xFF, 0])], "Ctrl-C is the guest's")
        #expect(parse([]) == [])
    }

    @Test(
        arguments: [
            ("x", .quit), ("X", .quit), ("c", .switchFocus), ("C", .switchFocus), ("h", .help), ("H", .help),
            ("?", .help),
        ] as [(String, ConsoleEscapes.Action)])
    func keysBehindThePrefixAreActions(key: String, action: ConsoleEscapes.Action) {
        #expect(parse([Self.prefix] + key.utf8) == [action])
        #expect(parse([Self.prefix], Array(key.utf8)) == [action], "also in two pieces")
        #expect(parse(Array("a".utf8) + [Self.prefix] + key.utf8 + "b".utf8) == [.input([97]), action, .input([98])])
    }

    @Test func thePrefixTwiceIsThePrefix() {
        #expect(parse([1, 1]) == [.input([1])])
        #expect(parse([1], [1]) == [.input([1])])
        #expect(parse([97, 1, 1, 98]) == [.input([97, 1, 98])])
        #expect(parse([1, 1, 1, 1]) == [.input([1, 1])])
        #expect(parse([1, 1, 120]) == [.input([1, 120])], "an x behind it is an x")
    }

    @Test func anUnknownKeyBehindThePrefixIsNobodys() {
        #expect(parse([97, 1, 122, 98]) == [.input([97, 98])])
        #expect(parse([1, 0x1B, 0x5B]) == [.input([0x5B])])
    }

    @Test func helpNamesEveryKey() {
        #expect(
            ConsoleTexts(
                quitting: "quit", switching: "switch between console and monitor", withoutSession: ""
            ).help == """
                Ctrl-A x  quit
                Ctrl-A c  switch between console and monitor
                Ctrl-A h  this help
                Ctrl-A Ctrl-A  send Ctrl-A

                """)
        let withoutSession = ConsoleTexts(quitting: "leave", switching: nil, withoutSession: "").help
        #expect(withoutSession.hasPrefix("Ctrl-A x  leave\nCtrl-A h  this help\n"))
    }

    /// Bytes mean the same however a terminal cuts them.
    @Test(arguments: 0..<12 as Range<UInt64>)
    func piecesDoNotMatter(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let keys: [UInt8] = [1, 1, 1, 120, 99, 104, 97, 13, 0, 255]
        let bytes = (0..<200).map { _ in keys.randomElement(using: &random) ?? 0 }
        var (whole, cut) = (ConsoleEscapes(), ConsoleEscapes())
        var actions: [ConsoleEscapes.Action] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 1...7, using: &random))
            actions += cut.parse(Array(piece))
            rest = rest.dropFirst(piece.count)
        }
        #expect(Self.joined(actions) == Self.joined(whole.parse(bytes)))
    }

    /// Input without an action between it, joined.
    private static func joined(_ actions: [ConsoleEscapes.Action]) -> [ConsoleEscapes.Action] {
        actions.reduce(into: []) { result, action in
            if case .input(let bytes) = action, case .input(let before)? = result.last {
                result[result.count - 1] = .input(before + bytes)
            } else {
                result.append(action)
            }
        }
    }
}
