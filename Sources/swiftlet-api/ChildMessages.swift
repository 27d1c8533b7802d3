import Host
import SystemPackage

/// What a child says on its standard error, line by line: for the log, and for who wants to know why it ended. It
/// belongs to the main thread.
final class ChildMessages {
    private let input: OwnedFileDescriptor
    private let log: ServerLog
    private var rest: [UInt8] = []
    /// The last lines.
    private(set) var lines: [String] = []
    /// The paths of the pseudo-terminals that it told of, by the options that ask for them.
    private(set) var terminals: [String: String] = [:]
    private(set) var isAtEnd = false

    /// Lines that are kept, and bytes of one.
    private static let limit = 20
    private static let longestLine = 4096
    private static let terminalOptions = ["serial", "console"]
    private static let ownPrefix = "swiftlet: "

    /// - Parameter input: a pipe's end for reading, which does not block.
    init(_ input: consuming OwnedFileDescriptor, log: ServerLog) {
        self.input = input
        self.log = log
    }

    var descriptor: FileDescriptor { input.descriptor }

    /// Reads what is there.
    func read() {
        while !isAtEnd {
            switch try? ByteStream.read(input.descriptor) {
            case .bytes(let bytes): take(bytes)
            case .wouldBlock: return
            case .end, nil:
                isAtEnd = true
                if !rest.isEmpty { take([0x0A]) }
            }
        }
    }

    private func take(_ bytes: [UInt8]) {
        for byte in bytes {
            guard byte == 0x0A || rest.count == Self.longestLine else {
                rest.append(byte)
                continue
            }
            take(line: String(decoding: rest, as: UTF8.self))
            rest = byte == 0x0A ? [] : [byte]
        }
    }

    private func take(line: String) {
        log.write("VM: \(line)", level: .warning)
        for option in Self.terminalOptions where line.hasPrefix("\(option): ") {
            terminals[option] = String(line.dropFirst(option.count + 2))
        }
        lines.append(line.hasPrefix(Self.ownPrefix) ? String(line.dropFirst(Self.ownPrefix.count)) : line)
        if lines.count > Self.limit { lines.removeFirst() }
    }
}
