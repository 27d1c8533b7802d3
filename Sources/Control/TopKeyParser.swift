/// Finds keys in what a terminal sends (ECMA-48), however it is divided.
public struct TopKeyParser: Sendable {
    private enum State {
        case plain
        /// Behind ESC.
        case escape
        /// Behind ESC and [ or O, with the parameters since.
        case sequence([UInt8])
    }

    private static let escape: UInt8 = 0x1B
    private var state = State.plain

    public init() {}

    /// Takes the next bytes, and returns the keys that they end; those that mean nothing are left out.
    public mutating func parse(_ bytes: some Sequence<UInt8>) -> [TopKey] {
        bytes.compactMap { parse($0) }
    }

    private mutating func parse(_ byte: UInt8) -> TopKey? {
        switch state {
        case .plain:
            guard byte != Self.escape else {
                state = .escape
                return nil
            }
            return plainKey(byte)
        case .escape:
            switch byte {
            case UInt8(ascii: "["), UInt8(ascii: "O"): state = .sequence([])
            case Self.escape: break
            default:
                // A key of its own was ESC, which means nothing.
                state = .plain
                return plainKey(byte)
            }
            return nil
        case .sequence(let parameters):
            guard (0x40...0x7E).contains(byte) else {
                state = byte == Self.escape ? .escape : .sequence(parameters.suffix(8) + [byte])
                return nil
            }
            state = .plain
            return sequenceKey(byte, parameters)
        }
    }

    private func plainKey(_ byte: UInt8) -> TopKey? {
        switch byte {
        case UInt8(ascii: "q"), UInt8(ascii: "Q"): .quit
        case UInt8(ascii: "d"): .toggleDevices
        case 0x03: .interrupt
        case 0x0C: .redraw
        case 0x1A: .suspend
        case 0x1C: .abort
        default: nil
        }
    }

    private func sequenceKey(_ final: UInt8, _ parameters: [UInt8]) -> TopKey? {
        switch (final, String(decoding: parameters, as: UTF8.self)) {
        case (UInt8(ascii: "A"), _): .scroll(.up)
        case (UInt8(ascii: "B"), _): .scroll(.down)
        case (UInt8(ascii: "H"), _), (UInt8(ascii: "~"), "1"), (UInt8(ascii: "~"), "7"): .scroll(.home)
        case (UInt8(ascii: "F"), _), (UInt8(ascii: "~"), "4"), (UInt8(ascii: "~"), "8"): .scroll(.end)
        case (UInt8(ascii: "~"), "5"): .scroll(.pageUp)
        case (UInt8(ascii: "~"), "6"): .scroll(.pageDown)
        default: nil
        }
    }
}
