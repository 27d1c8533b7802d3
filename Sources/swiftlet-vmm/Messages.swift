import Host
import SystemPackage

/// Messages for the user, on standard error. They are dropped while nobody reads them: a guest can cause many.
final class Messages {
    private let output: OutputStream

    init(loop: EventLoop) {
        output = OutputStream(.standardError, loop: loop)
    }

    func write(_ text: String) {
        if !output.isCongested {
            output.write(format(text))
        }
    }
}

/// Writes a message for the user to standard error, while there is no loop.
func printError(_ text: String) {
    // Where even that is gone, nobody is there to be told.
    _ = try? FileDescriptor.standardError.writeAll(format(text))
}

private func format(_ text: String) -> [UInt8] {
    Array("swiftlet: \(text)\n".utf8)
}
