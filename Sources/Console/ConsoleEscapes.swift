/// Tells what a person types for the guest from what is meant for the program that shows the console: keys behind Ctrl-A.
public struct ConsoleEscapes: Sendable {
    /// What keys mean.
    public enum Action: Equatable, Sendable {
        /// Bytes for whoever has the terminal now.
        case input([UInt8])
        /// Ctrl-A x
        case quit
        /// Ctrl-A c
        case switchFocus
        /// Ctrl-A h
        case help
    }

    private static let prefix: UInt8 = 1  // Ctrl-A
    private var isBehindPrefix = false

    public init() {}

    /// Makes actions of keys; what belongs together stays together across calls.
    public mutating func parse(_ bytes: [UInt8]) -> [Action] {
        var actions: [Action] = []
        var input: [UInt8] = []
        for byte in bytes {
            guard isBehindPrefix else {
                if byte == Self.prefix {
                    isBehindPrefix = true
                } else {
                    input.append(byte)
                }
                continue
            }
            isBehindPrefix = false
            if byte == Self.prefix {
                input.append(byte)
                continue
            }
            let action: Action? =
                switch byte {
                case UInt8(ascii: "x"), UInt8(ascii: "X"): .quit
                case UInt8(ascii: "c"), UInt8(ascii: "C"): .switchFocus
                case UInt8(ascii: "h"), UInt8(ascii: "H"), UInt8(ascii: "?"): .help
                default: nil  // a mistyped escape is nobody's
                }
            if let action {
                if !input.isEmpty {
                    actions.append(.input(input))
                    input = []
                }
                actions.append(action)
            }
        }
        if !input.isEmpty {
            actions.append(.input(input))
        }
        return actions
    }
}
