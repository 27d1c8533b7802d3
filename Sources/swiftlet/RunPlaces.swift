import Configuration
import Host
import RunDirectory
import SystemPackage

/// What a machine has in the file system while it runs: the run directory of its name with its log, and its sockets.
struct RunPlaces {
    private(set) var monitor: LaunchRequest.Monitor
    private(set) var qmp: [ListeningSocket] = []
    /// Where the serial port and the virtio console can be reached, if by sockets.
    private var serial: ListeningSocket?
    private var console: ListeningSocket?
    /// With the file that holds it.
    private(set) var runDirectory: LaunchRequest.Place?
    /// The log in the run directory.
    private(set) var log: FileDescriptor?
    private var monitorSocket: ListeningSocket?
    /// Where programs connect to the guest.
    private var vsock: ListeningSocket?

    /// Makes all of them, or leaves none behind.
    ///
    /// - Parameters:
    ///   - directory: nil for a machine that has no name.
    ///   - configuration: what the run directory shall hold of it.
    ///   - consoleOption: nil for a machine without a virtio console.
    /// - Throws: `Refusal` for what can't be made.
    init(
        in directory: RunDirectory?, configuration: [UInt8], serial serialOption: ChannelOption,
        console consoleOption: ChannelOption?, monitor monitorOption: MonitorOption,
        qmp paths: [SocketPath], vsock: Vsock? = nil
    ) throws {
        monitor = .none
        do {
            if let directory { try claim(directory, configuration) }
            if case .unix(let path) = serialOption { serial = try ListeningSocket(at: path, option: "--serial") }
            if case .unix(let path) = consoleOption { console = try ListeningSocket(at: path, option: "--console") }
            switch monitorOption {
            case .none: break
            case .stdio: monitor = .stdio
            case .unix(let path):
                let socket = try ListeningSocket(at: path, option: "--monitor")
                (monitor, monitorSocket) = (.listener(socket.listener), socket)
            }
            if let vsock { try open(vsock) }
            for path in paths {
                qmp.append(try ListeningSocket(at: path.path, option: "--qmp"))
            }
        } catch {
            remove()
            throw error
        }
    }

    private mutating func open(_ option: Vsock) throws {
        let socket = try ListeningSocket(at: option.path, option: "--vsock", word: "socket=")
        vsock = socket
        // The ports' paths are from the root, too.
        try Vsock.check(path: socket.listener.path)
    }

    private mutating func claim(_ directory: RunDirectory, _ configuration: [UInt8]) throws {
        guard directory.consoleSocket.string.utf8.count <= SocketPath.maximumLength else {
            throw Refusal(
                "--name \(directory.name): the name is too long: the socket \(directory.consoleSocket) has more than"
                    + " \(SocketPath.maximumLength) bytes")
        }
        do {
            runDirectory = LaunchRequest.Place(
                descriptor: try directory.claim().release().rawValue, path: directory.path.string)
        } catch {
            throw Refusal("--name \(directory.name): \(error)")
        }
        qmp.append(try ListeningSocket(at: directory.qmpSocket.string, option: "--name \(directory.name): --qmp"))
        do {
            log = try Self.makeFile(directory.logFile, options: .append).release()
            let file = try Self.makeFile(directory.configurationFile)
            try file.descriptor.writeAll(configuration)
            withExtendedLifetime(file) {}
        } catch {
            throw Refusal("--name \(directory.name): the run directory can't be written: \(error)")
        }
    }

    private static func makeFile(
        _ path: FilePath, options: FileDescriptor.OpenOptions = []
    ) throws -> OwnedFileDescriptor {
        try OwnedFileDescriptor(
            opening: path, .writeOnly, options: options.union([.create, .truncate]), permissions: .ownerReadWrite)
    }

    private var sockets: [ListeningSocket] { qmp + [monitorSocket, serial, console, vsock].compactMap(\.self) }

    /// Where the serial port leads that has no end of its own.
    var serialChannel: LaunchRequest.Channel { serial.map { .listener($0.listener) } ?? .null }

    /// Where the virtio console leads that has no end of its own.
    var consoleChannel: LaunchRequest.Channel { console.map { .listener($0.listener) } ?? .null }

    /// The machine with the descriptors of its own sockets.
    func opened(_ machine: MachineConfiguration) -> MachineConfiguration {
        var machine = machine
        if let listener = vsock?.listener {
            machine.vsock?.path = listener.path
            machine.vsock?.descriptor = listener.descriptor
        }
        return machine
    }

    /// What goes along to the process that holds the guest.
    var descriptors: [FileDescriptor] {
        let others = [runDirectory.map { FileDescriptor(rawValue: $0.descriptor) }, log]
        return sockets.map(\.descriptor) + others.compactMap(\.self)
    }

    /// Does something, and takes all of it away again where that fails.
    func removedUnless<Value: ~Copyable, Failure: Error>(
        _ body: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        do {
            return try body()
        } catch {
            remove()
            throw error
        }
    }

    /// Takes all of it away again, where the process that holds the guest never came to do it.
    func remove() {
        sockets.forEach { $0.remove() }
        runDirectory.map { RunDirectory(at: FilePath($0.path)).remove() }
    }
}
