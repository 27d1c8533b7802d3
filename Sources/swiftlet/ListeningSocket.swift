import Configuration
import Host
import SystemPackage

/// A Unix socket that the process of a guest is to serve, opened. One that a dead process left there makes way.
struct ListeningSocket {
    let listener: LaunchRequest.Place

    /// - Parameters:
    ///   - option: the option that names the path, for messages.
    ///   - word: what stands before the path there.
    /// - Throws: `Refusal` for a path where no socket can be made.
    init(at path: String, option: String, word: String = "unix:") throws {
        do {
            let socket = try UnixSocket.listen(replacingLeftoverAt: FilePath(path)).release()
            // Others find it by this, wherever they are.
            listener = LaunchRequest.Place(descriptor: socket.rawValue, path: FilePath(path).fromRoot.string)
        } catch {
            throw Refusal("\(option) \(word)\(path): \(Self.explanation(of: error.errno, at: FilePath(path)))")
        }
    }

    /// What goes along to the process that holds the guest.
    var descriptor: FileDescriptor { FileDescriptor(rawValue: listener.descriptor) }

    /// Takes the path away again, where the process that holds the guest never came to do it.
    func remove() {
        try? FilePath(listener.path).removeFile()
    }

    private static func explanation(of errno: Errno, at path: FilePath) -> String {
        guard errno == .addressInUse else { return "cannot be made: \(errno)" }
        guard (try? Stat(path, followTargetSymlink: false))?.type == .socket else {
            return "the path exists already, and is no socket"
        }
        let isListenedAt = (try? UnixSocket.isListenedAt(path)) ?? false
        return (isListenedAt ? "a process listens there" : "the socket exists") + " already; give another path"
    }
}
