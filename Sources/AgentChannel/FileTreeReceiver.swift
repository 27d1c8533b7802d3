import AgentProtocol
import Glibc
import Host
import SystemPackage

/// Puts files that are sent in pieces where they belong. Whoever sends them can't reach anything else: every piece is made
/// in a directory that is open, by a name, and no symbolic link is followed. A file gets its name when it is complete.
public final class FileTreeReceiver {
    private struct Level {
        let directory: Directory
        let path: [UInt8]
        /// What to give it at its end; nil where it was there before.
        let attributes: TreePiece.Attributes?
    }

    private struct OpenFile {
        let descriptor: OwnedFileDescriptorBox
        let temporaryName: [UInt8]
        let name: [UInt8]
        let attributes: TreePiece.Attributes
    }

    private enum State {
        case root
        case inside
        /// The whole is there.
        case filled
        case complete
    }

    private let target: CopyTarget
    private let fixedName: EntryName?
    private let modes: UInt16
    private var state = State.root
    private var levels: [Level] = []
    private var file: OpenFile?

    /// - Parameters:
    ///   - name: what the whole is called in a directory that is there already; nil for what its sender calls it.
    ///   - modes: the bits of permissions that are taken over.
    public init(_ target: CopyTarget, name: EntryName? = nil, modes: UInt16) {
        self.target = target
        fixedName = name
        self.modes = modes
    }

    deinit {
        removeIncompleteFile()
    }

    /// Whether nothing has come.
    var isEmpty: Bool { state == .root }

    /// Whether all has come.
    public var isComplete: Bool { state == .complete }

    /// - Throws: `CopyError` for what can't be made, `ProtocolError` for a piece that is out of place.
    public func take(_ piece: TreePiece) throws {
        switch (piece, state) {
        case (.directory(let name, let attributes), .root): try beginRoot(directory: name, attributes)
        case (.file(let name, let attributes), .root):
            let place = try rootPlace(name)
            levels = [Level(directory: place.directory, path: place.path, attributes: nil)]
            try beginFile(place.name, attributes)
            state = .inside
        case (.link(let name, let link), .root):
            let place = try rootPlace(name)
            levels = [Level(directory: place.directory, path: place.path, attributes: nil)]
            try makeLink(place.name, to: link)
            state = .filled
        case (.directory(let name, let attributes), .inside) where file == nil:
            try beginDirectory(name.bytes, attributes)
        case (.file(let name, let attributes), .inside) where file == nil: try beginFile(name.bytes, attributes)
        case (.link(let name, let link), .inside) where file == nil: try makeLink(name.bytes, to: link)
        case (.data(let bytes), .inside): try write(bytes)
        case (.end, .inside): try end()
        case (.treeEnd, .filled): state = .complete
        default: throw ProtocolError.unexpectedFrame(piece.frame.type)
        }
    }

    // MARK: The whole

    /// A directory, and a name in it.
    private struct Place {
        let directory: Directory
        let path: [UInt8]
        let name: [UInt8]

        init(_ path: [UInt8], name: [UInt8]) throws(CopyError) {
            self.path = path
            self.name = name
            directory = try CopyError.naming(path) { () throws(SystemCallError) in try Directory(path: path) }
        }
    }

    /// What the target is now: its real path, and whether it is a directory; nil where nothing is there.
    ///
    /// - Throws: `CopyError` for a device, a pipe and the like: no file takes its place.
    private func present() throws(CopyError) -> (path: [UInt8], isDirectory: Bool)? {
        let target = self.target.path.withoutTrailingSlashes
        let path: [UInt8]
        let status: (real: FileStatus, own: FileStatus)
        do throws(SystemCallError) {
            path = try Directory.realPath(target)
            status = (try Self.status(of: path), try Self.status(of: target))
        } catch {
            guard error.errno != .noSuchFileOrDirectory else { return nil }
            throw CopyError(target, "\(error.errno)")
        }
        switch status.real.kind {
        case .directory: return (path, true)
        case .file, .link: break
        case .other: throw CopyError(target, "neither a file nor a directory")
        }
        // Where a guest's link led once, its files don't follow.
        guard fixedName != nil, status.own.kind == .link else { return (path, false) }
        return (target, false)
    }

    private static func status(of path: [UInt8]) throws(SystemCallError) -> FileStatus {
        let name = path.lastName.isEmpty ? [UInt8(ascii: ".")] : path.lastName
        return try Directory(path: path.parentPath).status(of: name)
    }

    private var mustBeDirectory: Bool { target.path.last == [UInt8].slash }

    /// Where a file or link goes.
    private func rootPlace(_ name: EntryName) throws(CopyError) -> Place {
        let name = fixedName ?? name
        guard let present = try present() else {
            guard !mustBeDirectory else { throw CopyError(target.path, "no such directory") }
            return try newPlace()
        }
        if present.isDirectory { return try Place(present.path, name: name.bytes) }
        guard !mustBeDirectory else { throw CopyError(target.path, "not a directory") }
        return try Place(present.path.parentPath, name: present.path.lastName)
    }

    /// The target as a name that is new.
    private func newPlace() throws(CopyError) -> Place {
        let path = target.path.withoutTrailingSlashes
        guard let name = EntryName(path.lastName) else { throw CopyError(path, "no such file or directory") }
        return try Place(path.parentPath, name: name.bytes)
    }

    private func beginRoot(directory name: EntryName, _ attributes: TreePiece.Attributes) throws(CopyError) {
        state = .inside
        guard let present = try present() else {
            let place = try newPlace()
            levels = [Level(directory: place.directory, path: place.path, attributes: nil)]
            return try beginDirectory(place.name, attributes)
        }
        guard present.isDirectory else { throw CopyError(target.path, "a directory can't take the place of a file") }
        let directory = try CopyError.naming(present.path) { () throws(SystemCallError) in
            try Directory(path: present.path)
        }
        let level = Level(directory: directory, path: present.path, attributes: nil)
        if target.takesContents {
            // Twice, so that the end of the whole is where it is for others, too.
            levels = [level, level]
        } else {
            levels = [level]
            try beginDirectory((fixedName ?? name).bytes, attributes)
        }
    }

    // MARK: What is in it

    private func beginDirectory(_ name: [UInt8], _ attributes: TreePiece.Attributes) throws(CopyError) {
        guard let parent = levels.last else { return }
        let path = parent.path.appending(name)
        guard levels.count <= AgentProtocol.maximumDepth else {
            throw CopyError(path, "too many directories in each other")
        }
        var isNew = true
        do throws(SystemCallError) {
            try parent.directory.makeDirectory(name)
        } catch {
            guard error.errno == .fileExists else { throw CopyError(path, "\(error.errno)") }
            isNew = false
        }
        let directory = try CopyError.naming(path) { () throws(SystemCallError) in
            try parent.directory.directory(name)
        }
        levels.append(Level(directory: directory, path: path, attributes: isNew ? attributes : nil))
    }

    private func beginFile(_ name: [UInt8], _ attributes: TreePiece.Attributes) throws(CopyError) {
        guard let level = levels.last else { return }
        let (temporaryName, descriptor) = try makeTemporary(in: level) { (temporary) throws(SystemCallError) in
            OwnedFileDescriptorBox(try level.directory.makeFile(temporary))
        }
        file = OpenFile(descriptor: descriptor, temporaryName: temporaryName, name: name, attributes: attributes)
    }

    private func makeLink(_ name: [UInt8], to target: [UInt8]) throws(CopyError) {
        guard let level = levels.last else { return }
        let (temporaryName, _) = try makeTemporary(in: level) { (temporary) throws(SystemCallError) in
            try level.directory.makeLink(temporary, to: target)
        }
        try giveName(name, to: temporaryName, in: level)
    }

    /// Makes something under a name that nothing has.
    private func makeTemporary<Value>(
        in level: Level, _ make: ([UInt8]) throws(SystemCallError) -> Value
    ) throws(CopyError) -> ([UInt8], Value) {
        for number in 0..<Self.attempts {
            let name = Array(".swiftlet-\(getpid())-\(number)".utf8)
            do throws(SystemCallError) {
                return (name, try make(name))
            } catch {
                guard error.errno == .fileExists else { throw CopyError(level.path, "\(error.errno)") }
            }
        }
        throw CopyError(level.path, "no name is free for a temporary file")
    }

    private static let attempts = 1000

    private func giveName(_ name: [UInt8], to temporaryName: [UInt8], in level: Level) throws(CopyError) {
        do throws(SystemCallError) {
            try level.directory.rename(temporaryName, to: name)
        } catch {
            try? level.directory.remove(temporaryName)
            throw CopyError(level.path.appending(name), "\(error.errno)")
        }
    }

    private func write(_ bytes: [UInt8]) throws {
        guard let file, let level = levels.last else { throw ProtocolError.unexpectedFrame(.data) }
        try CopyError.naming(level.path.appending(file.name)) { () throws(SystemCallError) in
            try file.descriptor.descriptor.write(all: bytes[...])
        }
    }

    private func end() throws {
        if let file, let level = levels.last {
            let attributes = file.attributes
            try CopyError.naming(level.path.appending(file.name)) { () throws(SystemCallError) in
                try file.descriptor.descriptor.setAttributes(
                    mode: attributes.mode & modes, seconds: attributes.seconds, nanoseconds: attributes.nanoseconds)
            }
            self.file = nil
            try giveName(file.name, to: file.temporaryName, in: level)
        } else if let level = levels.popLast(), let attributes = level.attributes {
            try CopyError.naming(level.path) { () throws(SystemCallError) in
                try level.directory.setAttributes(
                    mode: attributes.mode & modes, seconds: attributes.seconds, nanoseconds: attributes.nanoseconds)
            }
        }
        // One is the directory that the whole is in.
        if levels.count <= 1 {
            state = .filled
        }
    }

    private func removeIncompleteFile() {
        guard let file, let level = levels.last else { return }
        try? level.directory.remove(file.temporaryName)
        self.file = nil
    }
}

/// A descriptor that an optional can hold.
final class OwnedFileDescriptorBox {
    private let owned: OwnedFileDescriptor

    init(_ owned: consuming OwnedFileDescriptor) {
        self.owned = owned
    }

    var descriptor: FileDescriptor { owned.descriptor }
}
