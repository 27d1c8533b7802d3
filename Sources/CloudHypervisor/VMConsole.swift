import Configuration

/// Where a console leads (`ConsoleConfig` and `SerialConfig` of `cloud-hypervisor.yaml`).
struct VMConsole: Sendable, Equatable {
    enum Mode: String, CaseIterable, Sendable {
        case off = "Off"
        case pty = "Pty"
        case tty = "Tty"
        case file = "File"
        case socket = "Socket"
        case null = "Null"
    }

    var mode: Mode
    var file: String?
    var socket: String?

    /// Whether somebody may see what the guest writes there.
    var isConnected: Bool { mode != .off && mode != .null }

    /// The value of `--serial`.
    var optionText: String {
        switch mode {
        case .off, .null: "null"
        case .tty: "stdio"
        case .pty: "pty"
        case .file: "file:\(file ?? "")"
        case .socket: "unix:\(socket ?? "")"
        }
    }

    init(mode: Mode, file: String? = nil, socket: String? = nil) {
        self.mode = mode
        self.file = file
        self.socket = socket
    }

    /// Reads an object with fields for a console; those that belong to a PCI device have nothing to be about here.
    init(_ given: Fields) throws(APIError) {
        var fields = given
        guard let mode = try fields.choice("mode", as: Mode.self) else { throw fields.invalid("mode", "is missing") }
        self.init(mode: mode, file: try fields.path("file"), socket: try fields.path("socket"))
        if mode == .file { _ = try fields.required("file", file) }
        if mode == .socket {
            let path = try fields.required("socket", socket)
            guard path.utf8.count <= SocketPath.maximumLength else {
                throw fields.invalid(
                    "socket",
                    "has \(path.utf8.count) bytes; a Unix socket's path has at most \(SocketPath.maximumLength)")
            }
        }
        _ = try fields.string("id")
        try fields.ignorePCI()
        try fields.finish()
    }
}
