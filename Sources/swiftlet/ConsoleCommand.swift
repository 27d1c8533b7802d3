import ArgumentParser
import Host
import SystemPackage

/// `swiftlet console`: a machine's serial port on this terminal.
struct ConsoleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "console",
        abstract: "Show a machine's serial port, and type for it.",
        discussion: """
            EXAMPLES:
              swiftlet console web
              echo poweroff | swiftlet console web

            For machines whose serial port leads to a socket, as it does with 'swiftlet run --detach', or to a \
            pseudo-terminal. A socket shows first what the guest wrote shortly before. Ctrl-A x leaves, and the machine \
            goes on; other keys, Ctrl-C too, are the guest's. Where input is no terminal, the machine's end ends the \
            console, not the end of the input.
            """)

    @Argument(help: "The machine.")
    var name: String

    func run() throws {
        let machine = try RunningMachine(name)
        let port = try openPort(of: machine)
        try port.descriptor.makeNonBlocking()
        let client = try ConsoleClient(port: port.descriptor, name: name)
        try client.run()
        withExtendedLifetime(port) {}
        if client.isHungUp, !machine.isGone(within: 2_000) {
            throw Refusal("\(name): the console is closed: the machine gave up on a reader that was too slow")
        }
    }

    private func openPort(of machine: RunningMachine) throws -> OwnedFileDescriptor {
        var place = "nowhere"
        if case .array(let devices) = try machine.execute("query-chardev") {
            place = devices.first { $0["label"]?.string == "serial0" }?["filename"]?.string ?? place
        }
        let (kind, path) = place.split(once: ":")
        switch kind {
        case "unix": return try UnixSocket.connect(to: FilePath(path.split(once: ",server").before))
        case "pty": return try OwnedFileDescriptor(opening: FilePath(path), .readWrite)
        default:
            throw Refusal(
                "\(name): its serial port leads to \(place); a console needs 'swiftlet run --detach', or --serial pty or"
                    + " unix:PATH")
        }
    }
}

extension String {
    /// What stands in front of a separator and behind it.
    fileprivate func split(once separator: String) -> (before: String, behind: String) {
        guard let range = firstRange(of: separator) else { return (self, "") }
        return (String(self[..<range.lowerBound]), String(self[range.upperBound...]))
    }
}
