import ArgumentParser
import Host
import SystemPackage

/// `swiftlet console`: a machine's serial port or virtio console on this terminal.
struct ConsoleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "console",
        abstract: "Show a machine's serial port or virtio console, and type for it.",
        discussion: """
            EXAMPLES:
              swiftlet console web
              swiftlet console web --virtio
              echo poweroff | swiftlet console web

            For machines whose serial port or virtio console (--console) leads to a socket, as the serial port does with \
            'swiftlet run --detach', or to a pseudo-terminal. It is the serial port's if both do. A socket shows first what the guest wrote shortly before. Ctrl-A x leaves, and the machine \
            goes on; other keys, Ctrl-C too, are the guest's. Where input is no terminal, the machine's end ends the \
            console, not the end of the input.
            """)

    @Argument(help: "The machine.")
    var name: String

    @Flag(help: "The virtio console, also where the serial port can be shown.")
    var virtio = false

    func run() throws {
        // What is typed to a machine that has just ended leaves the terminal as it was.
        ignoreBrokenPipes()
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
        var places: [String: String] = [:]
        if case .array(let devices) = try machine.execute("query-chardev") {
            for device in devices {
                if let label = device["label"]?.string { places[label] = device["filename"]?.string }
            }
        }
        let serial = places["serial0"] ?? "nowhere"
        for place in virtio ? [places["console0"]] : [serial, places["console0"]] {
            let (kind, path) = (place ?? "").split(once: ":")
            switch kind {
            case "unix": return try UnixSocket.connect(to: FilePath(path.split(once: ",server").before))
            case "pty": return try OwnedFileDescriptor(opening: FilePath(path), .readWrite)
            default: break
            }
        }
        guard virtio else {
            throw Refusal(
                "\(name): its serial port leads to \(serial); a console needs 'swiftlet run --detach', or --serial pty or"
                    + " unix:PATH")
        }
        let problem = places["console0"].map { "its virtio console leads to \($0)" } ?? "it has no virtio console"
        throw Refusal("\(name): \(problem); 'swiftlet run' with --console pty or unix:PATH makes one to look at")
    }
}

extension String {
    /// What stands in front of a separator and behind it.
    fileprivate func split(once separator: String) -> (before: String, behind: String) {
        guard let range = firstRange(of: separator) else { return (self, "") }
        return (String(self[..<range.lowerBound]), String(self[range.upperBound...]))
    }
}
