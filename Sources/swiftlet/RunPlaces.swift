import Configuration
import Host
import RunDirectory
import SystemPackage

/// What a machine has in the file system while it runs: the run directory of its name, and its sockets.
struct RunPlaces {
    private(set) var monitor: LaunchRequest.Monitor
    private(set) var qmp: [ListeningSocket] = []
    /// With the file that holds it.
    private(set) var runDirectory: LaunchRequest.Place?
    private var monitorSocket: ListeningSocket?

    /// Makes all of them, or leaves none behind.
    ///
    /// - Parameter name: nil for a machine that has none, and so no run directory.
    /// - Throws: `Refusal` for what can't be made.
    init(name: String?, monitor option: MonitorOption, qmp paths: [SocketPath]) throws {
        monitor = .none
        do {
            if let name { try claim(RunDirectory(name: name)) }
            switch option {
            case .none: break
            case .stdio: monitor = .stdio
            case .unix(let path):
                let socket = try ListeningSocket(at: path, option: "--monitor")
                (monitor, monitorSocket) = (.listener(socket.listener), socket)
            }
            for path in paths {
                qmp.append(try ListeningSocket(at: path.path, option: "--qmp"))
            }
        } catch {
            remove()
            throw error
        }
    }

    private mutating func claim(_ directory: RunDirectory) throws {
        guard directory.qmpSocket.string.utf8.count <= SocketPath.maximumLength else {
            throw Refusal(
                "--name \(directory.name): the name is too long: the socket \(directory.qmpSocket) has more than"
                    + " \(SocketPath.maximumLength) bytes")
        }
        do {
            runDirectory = LaunchRequest.Place(
                descriptor: try directory.claim().release().rawValue, path: directory.path.string)
        } catch {
            throw Refusal("--name \(directory.name): \(error)")
        }
        qmp.append(try ListeningSocket(at: directory.qmpSocket.string, option: "--name \(directory.name): --qmp"))
    }

    /// What goes along to the process that holds the guest.
    var descriptors: [FileDescriptor] {
        let sockets = qmp + (monitorSocket.map { [$0] } ?? [])
        return sockets.map(\.descriptor) + (runDirectory.map { [FileDescriptor(rawValue: $0.descriptor)] } ?? [])
    }

    /// Takes all of it away again, where the process that holds the guest never came to do it.
    func remove() {
        monitorSocket?.remove()
        qmp.forEach { $0.remove() }
        runDirectory.map { RunDirectory(at: FilePath($0.path)).remove() }
    }
}
