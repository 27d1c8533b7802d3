import AgentProtocol
import Host
import SystemPackage

/// Sends a file, or a directory with all that is in it, in pieces.
public struct FileTreeSender {
    private let send: (TreePiece) throws -> Void
    private let warn: (String) throws -> Void

    /// - Parameters:
    ///   - send: takes the pieces, one after the other.
    ///   - warn: is told what is left out: devices, sockets and pipes.
    public init(send: @escaping (TreePiece) throws -> Void, warn: @escaping (String) throws -> Void) {
        self.send = send
        self.warn = warn
    }

    /// - Throws: `CopyError`, and what `send` and `warn` throw.
    public func send(_ source: CopySource) throws {
        let path = source.path.withoutTrailingSlashes
        let parent = try CopyError.naming(path) { () throws(SystemCallError) in try Directory(path: path.parentPath) }
        let name = path.lastName.isEmpty ? [UInt8(ascii: ".")] : path.lastName
        // A slash at the end asks for a directory, and the kernel sees to that.
        let isDirectory = path != source.path
        let status = try CopyError.naming(path) { () throws(SystemCallError) in
            try parent.status(
                of: isDirectory ? name + [[UInt8].slash] : name, follows: source.followsLink || isDirectory)
        }
        let root = try Self.name(of: path)
        switch status.kind {
        case .directory:
            let directory = try CopyError.naming(path) { () throws(SystemCallError) in try Directory(path: path) }
            try send(directory, as: root, path: path, depth: 1)
        case .file: try sendFile(name, in: parent, as: root, path: path, follows: source.followsLink)
        case .link: try sendLink(name, in: parent, as: root, path: path)
        case .other: throw CopyError(path, "neither a file nor a directory nor a symbolic link")
        }
        try send(.treeEnd)
    }

    /// What the whole is called: of `.` and the like what that leads to, and of the root any name.
    private static func name(of path: [UInt8]) throws -> EntryName {
        if let name = EntryName(path.lastName) { return name }
        let real = try CopyError.naming(path) { () throws(SystemCallError) in try Directory.realPath(path) }
        return EntryName(real.lastName) ?? .unnamed
    }

    private func send(_ directory: Directory, as name: EntryName, path: [UInt8], depth: Int) throws {
        guard depth < AgentProtocol.maximumDepth else {
            throw CopyError(path, "more than \(AgentProtocol.maximumDepth) directories in each other")
        }
        let status = try CopyError.naming(path) { () throws(SystemCallError) in try directory.status() }
        try send(.directory(name, .init(status)))
        do {
            try directory.forEachEntry { entry in
                try sendEntry(entry, in: directory, path: path.appending(entry), depth: depth + 1)
            }
        } catch let error as SystemCallError where ["open", "opendir", "readdir"].contains(error.call) {
            throw CopyError(path, "\(error.errno)")
        }
        try send(.end)
    }

    private func sendEntry(_ bytes: [UInt8], in directory: Directory, path: [UInt8], depth: Int) throws {
        guard let name = EntryName(bytes) else { return }
        let status: FileStatus
        do throws(SystemCallError) {
            status = try directory.status(of: bytes)
        } catch {
            // Somebody removed it in between.
            guard error.errno != .noSuchFileOrDirectory else { return }
            throw CopyError(path, "\(error.errno)")
        }
        switch status.kind {
        case .directory:
            let inner = try CopyError.naming(path) { () throws(SystemCallError) in try directory.directory(bytes) }
            try send(inner, as: name, path: path, depth: depth)
        case .file: try sendFile(bytes, in: directory, as: name, path: path, follows: false)
        case .link: try sendLink(bytes, in: directory, as: name, path: path)
        case .other:
            try warn("\(String(decoding: path, as: UTF8.self)): left out: neither a file nor a directory nor a link")
        }
    }

    private func sendFile(
        _ bytes: [UInt8], in directory: Directory, as name: EntryName, path: [UInt8], follows: Bool
    ) throws {
        let file = try CopyError.naming(path) { () throws(SystemCallError) in
            try directory.file(bytes, follows: follows)
        }
        let status = try CopyError.naming(path) { () throws(SystemCallError) in try file.descriptor.fileStatus() }
        // Somebody may have put something else in its place.
        guard status.kind == .file else { throw CopyError(path, "no regular file any more") }
        try send(.file(name, .init(status)))
        while true {
            let piece = try CopyError.naming(path) { () throws(SystemCallError) in
                try ByteStream.readPiece(file.descriptor, limit: AgentProtocol.maximumData)
            }
            guard !piece.isEmpty else { break }
            try send(.data(piece))
        }
        try send(.end)
        withExtendedLifetime(file) {}
    }

    private func sendLink(_ bytes: [UInt8], in directory: Directory, as name: EntryName, path: [UInt8]) throws {
        let target = try CopyError.naming(path) { () throws(SystemCallError) in try directory.target(ofLink: bytes) }
        try send(.link(name, target: target))
    }
}

extension TreePiece.Attributes {
    init(_ status: FileStatus) {
        self.init(mode: status.mode, seconds: status.seconds, nanoseconds: status.nanoseconds)
    }
}
