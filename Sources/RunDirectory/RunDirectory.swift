import Glibc
import Host
import SystemPackage

/// The directory of a machine that has a name, for as long as it runs: its socket, and a file with its process's number,
/// whose lock says that it lives. What a killed process left behind is told by the missing lock.
public struct RunDirectory: Sendable {
    public let name: String
    public let path: FilePath

    /// Where the directories are: `swiftlet` in `$XDG_RUNTIME_DIR`, or in `/run`.
    public static var root: FilePath {
        FilePath(environmentVariable("XDG_RUNTIME_DIR") ?? "/run").appending("swiftlet")
    }

    /// Why a name can't be had.
    public enum ClaimError: Error, CustomStringConvertible {
        case invalidName(String)
        /// A process has it; its number where that is known.
        case inUse(String, process: Int32?)
        case host(SystemCallError)

        public var description: String {
            switch self {
            case .invalidName(let name):
                "'\(name)' can't be a machine's name: it becomes a directory's, so it has no / and does not begin with ."
            case .inUse(let name, let process):
                "a machine called '\(name)' runs already\(process.map { ", as process \($0)" } ?? ""); give another name,"
                    + " or end it: swiftlet stop \(name)"
            case .host(let error): "the run directory can't be made: \(error)"
            }
        }
    }

    /// The directory of a machine, whether or not it is there.
    public init(name: String, root: FilePath = Self.root) {
        self.name = name
        path = root.appending(name)
    }

    /// The directory at a path, of a machine that has it.
    public init(at path: FilePath) {
        name = path.lastComponent?.string ?? ""
        self.path = path
    }

    /// Where the machine's process serves clients of QMP.
    public var qmpSocket: FilePath { path.appending("qmp") }
    /// Where the guest's serial port can be reached, of a machine that has no other place for it.
    public var consoleSocket: FilePath { path.appending("console") }
    /// Where programs connect to the guest, of a machine that has no other place for it.
    public var vsockSocket: FilePath { path.appending("vsock") }
    /// What the machine's process tells.
    public var logFile: FilePath { path.appending("log") }
    /// What the machine was started with.
    public var configurationFile: FilePath { path.appending("config.json") }
    private var processFile: FilePath { path.appending("pid") }
    private static var ownersOnly: FilePermissions { .ownerReadWrite }

    /// Takes the directory for a machine that is about to start, and cleans up what a dead one left in it.
    ///
    /// - Returns: the file with the process's number, locked, for the process to keep: the name is its own until it has
    ///   closed it.
    /// - Throws: `ClaimError`.
    public func claim() throws(ClaimError) -> OwnedFileDescriptor {
        guard isValid else { throw .invalidName(name) }
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: Self.patience)
        while true {
            let isOver = MonotonicInstant.now() >= deadline
            do throws(SystemCallError) {
                if let file = try claimOnce() { return file }
            } catch {
                // The directory may have been removed between two calls.
                if error.errno != .noSuchFileOrDirectory || isOver { throw .host(error) }
            }
            // Whoever cleans up has it for a moment, and can't be told from a machine.
            if isOver { throw .inUse(name, process: process) }
            usleep(Self.pause)
        }
    }

    private var isValid: Bool {
        FilePath.Component(name)?.kind == .regular && !name.hasPrefix(".") && !name.contains("/")
    }

    /// Milliseconds that a claim waits for those who clean up, and microseconds between two tries.
    private static let patience: UInt64 = 300
    private static let pause: UInt32 = 1_000

    /// Takes the directory, unless another process has it: then it returns nil.
    private func claimOnce() throws(SystemCallError) -> OwnedFileDescriptor? {
        try path.createDirectories(permissions: .ownerReadWriteExecute)
        let file = try OwnedFileDescriptor(
            opening: processFile, .readWrite, options: .create, permissions: Self.ownersOnly)
        guard try file.claim() else { return nil }
        // Its owner may have removed it between the two.
        guard let opened = try? file.descriptor.stat(), let present = try? Stat(processFile),
            opened.inode == present.inode
        else { return nil }
        // The number of a dead process must not be taken for the one that is about to be noted.
        try? file.descriptor.resize(to: 0)
        removeFiles()
        return file
    }

    /// Writes the process's number into the file that `claim()` returned.
    public static func note(process: Int32, in file: FileDescriptor) {
        try? file.resize(to: 0)
        _ = try? file.writeAll(toAbsoluteOffset: 0, "\(process)\n".utf8)
    }

    /// The number of the process that holds the machine; nil where it is dead, or was never there.
    public var process: Int32? {
        guard let file = try? OwnedFileDescriptor(opening: processFile, .readOnly),
            (try? file.isClaimedElsewhere()) == true, case .bytes(let text)? = try? ByteStream.read(file.descriptor)
        else { return nil }
        return Int32(String(decoding: text, as: UTF8.self).split(separator: "\n").first ?? "")
    }

    /// Removes the directory with what is known to be in it. The name can be used again.
    ///
    /// - Parameter keepingLog: leaves the directory with the log, until a machine takes the name.
    public func remove(keepingLog: Bool = false) {
        removeFiles()
        try? processFile.removeFile()
        if !keepingLog {
            try? logFile.removeFile()
        }
        try? path.removeDirectory()
    }

    private func removeFiles() {
        for file in [qmpSocket, consoleSocket, vsockSocket, configurationFile] {
            try? file.removeFile()
        }
    }

    /// The machines that live, by name. What dead ones left is cleaned up, but for their logs.
    public static func all(root: FilePath = Self.root) -> [RunDirectory] {
        let names = ((try? root.directoryEntries()) ?? []).sorted()
        return names.map { RunDirectory(name: $0, root: root) }.filter { directory in
            guard directory.process == nil else { return true }
            // Who can take the name knows that nobody else has it, and has it as long as the file is open.
            if directory.isValid, (try? Stat(directory.processFile)) != nil, let lock = try? directory.claimOnce() {
                directory.remove(keepingLog: true)
                withExtendedLifetime(lock) {}
            }
            return false
        }
    }
}
