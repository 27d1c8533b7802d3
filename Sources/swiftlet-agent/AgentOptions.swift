import AgentProtocol

/// What the agent's command line says.
struct AgentOptions {
    /// Where clients connect.
    enum Address: Equatable, CustomStringConvertible {
        case vsock(port: UInt32)
        case unix(path: String)

        var description: String {
            switch self {
            case .vsock(let port): "vsock:\(port)"
            case .unix(let path): "unix:\(path)"
            }
        }
    }

    struct Mistake: Error {
        let text: String
    }

    private(set) var listen = Address.vsock(port: AgentProtocol.port)
    private(set) var showsHelp = false

    static let help = """
        usage: swiftlet-agent [--listen vsock:PORT|unix:PATH]

        Does in a guest what 'swiftlet exec' and 'swiftlet cp' ask for from the host. As the first process of an initramfs
        it also mounts /proc, /sys, /dev and the like, loads the modules that /lib/modules/order lists, reaps orphans, and
        obeys the power button.

          --listen ADDRESS  where clients connect: vsock:PORT takes the host alone (default: vsock:\(AgentProtocol.port)),
                            unix:PATH whoever may write to that socket
          --help            this text

        EXIT STATUS: 69 where the kernel has no vsock, 64 for wrong options, 1 for other failures.
        """

    init(_ arguments: [String]) throws(Mistake) {
        var rest = arguments[...]
        while let word = rest.popFirst() {
            switch word {
            case "--help", "-h": showsHelp = true
            case "--listen":
                guard let text = rest.popFirst() else { throw Mistake(text: "--listen: an address is missing") }
                listen = try Self.address(text)
            case _ where word.hasPrefix("--listen="): listen = try Self.address(String(word.dropFirst(9)))
            default: throw Mistake(text: "unknown option \(word); see swiftlet-agent --help")
            }
        }
    }

    private static func address(_ text: String) throws(Mistake) -> Address {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        switch (parts.first, parts.dropFirst().first) {
        case ("vsock", let port?):
            if let port = UInt32(port), port < UInt32.max { return .vsock(port: port) }
        case ("unix", let path?):
            if !path.isEmpty { return .unix(path: String(path)) }
        default: break
        }
        throw Mistake(text: "--listen \(text): neither vsock:PORT nor unix:PATH")
    }
}
