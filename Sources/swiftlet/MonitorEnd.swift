import Configuration
import Host
import SystemPackage

/// Where a machine's monitor listens, opened.
struct MonitorEnd {
    let channel: LaunchRequest.Monitor

    /// What goes along to the process that holds the guest.
    var descriptors: [FileDescriptor] {
        guard case .listener(let number, _) = channel else { return [] }
        return [FileDescriptor(rawValue: number)]
    }

    /// - Throws: `Refusal` for a path where no socket can be made.
    init(opening option: MonitorOption) throws {
        switch option {
        case .none:
            channel = .none
        case .stdio:
            channel = .stdio
        case .unix(let path):
            do {
                let listener = try UnixSocket.listen(at: FilePath(path)).release()
                channel = .listener(listener.rawValue, path: path)
            } catch {
                throw Refusal("--monitor unix:\(path): \(Self.explanation(of: error.errno, at: FilePath(path)))")
            }
        }
    }

    /// Takes the socket's path away again, where the process that holds the guest never came to do it.
    func removeSocket() {
        if case .listener(_, let path) = channel {
            try? FilePath(path).removeFile()
        }
    }

    private static func explanation(of errno: Errno, at path: FilePath) -> String {
        guard errno == .addressInUse else { return "cannot be made: \(errno)" }
        guard (try? Stat(path, followTargetSymlink: false))?.type == .socket else {
            return "the path exists already, and is no socket"
        }
        return switch Result(catching: { try UnixSocket.isListenedAt(path) }) {
        case .success(true): "a process listens there already; give another path"
        case .success(false): "the socket was left behind by a process that is gone; remove it: rm \(path)"
        case .failure: "the socket exists already; give another path"
        }
    }
}
