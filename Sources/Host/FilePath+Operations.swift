import Glibc
import SystemPackage

extension FilePath {
    /// The path from the root on, where this one is relative to the process's working directory.
    public var fromRoot: FilePath {
        guard isRelative, let directory = unsafe getcwd(nil, 0) else { return self }
        defer { unsafe free(directory) }
        return unsafe FilePath(String(cString: directory)).pushing(self)
    }

    /// Makes a directory and those above it that are missing; one that is there is left as it is.
    public func createDirectories(permissions: FilePermissions = .ownerReadWriteExecute) throws(SystemCallError) {
        guard unsafe mkdir(string, permissions.rawValue) != 0, errno != EEXIST else { return }
        let parent = removingLastComponent()
        guard errno == ENOENT, !parent.isEmpty, parent != self else {
            throw SystemCallError("mkdir", Errno(rawValue: errno), subject: string)
        }
        try parent.createDirectories(permissions: permissions)
        guard unsafe mkdir(string, permissions.rawValue) == 0 || errno == EEXIST else {
            throw SystemCallError("mkdir", Errno(rawValue: errno), subject: string)
        }
    }

    /// Makes an empty directory that nobody had before, for this user alone (`mkdtemp(3)`).
    ///
    /// - Parameters:
    ///   - prefix: what its name begins with.
    ///   - parent: where it is made.
    public static func makeTemporaryDirectory(
        _ prefix: String, in parent: FilePath
    ) throws(SystemCallError) -> FilePath {
        var template = Array(parent.appending("\(prefix)-XXXXXX").string.utf8) + [0]
        let isMade = unsafe template.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return false }
            return unsafe mkdtemp(start.assumingMemoryBound(to: CChar.self)) != nil
        }
        guard isMade else { throw SystemCallError("mkdtemp", Errno(rawValue: errno), subject: parent.string) }
        return FilePath(String(decoding: template.dropLast(), as: UTF8.self))
    }

    /// Removes a file (`unlink(2)`).
    public func removeFile() throws(SystemCallError) {
        guard unsafe unlink(string) == 0 else {
            throw SystemCallError("unlink", Errno(rawValue: errno), subject: string)
        }
    }

    /// Removes an empty directory (`rmdir(2)`).
    public func removeDirectory() throws(SystemCallError) {
        guard unsafe rmdir(string) == 0 else {
            throw SystemCallError("rmdir", Errno(rawValue: errno), subject: string)
        }
    }

    /// Removes a directory that has only files in it, with these.
    public func removeDirectoryWithFiles() throws(SystemCallError) {
        for name in try directoryEntries() { try appending(name).removeFile() }
        try removeDirectory()
    }

    /// Gives a file another name; a file that has that name is replaced (`rename(2)`).
    public func renameFile(to other: FilePath) throws(SystemCallError) {
        guard unsafe rename(string, other.string) == 0 else {
            throw SystemCallError("rename", Errno(rawValue: errno), subject: other.string)
        }
    }

    /// Makes a symbolic link here (`symlink(2)`).
    ///
    /// - Parameter target: where it leads.
    public func makeSymbolicLink(to target: String) throws(SystemCallError) {
        guard unsafe symlink(target, string) == 0 else {
            throw SystemCallError("symlink", Errno(rawValue: errno), subject: string)
        }
    }

    /// Where a symbolic link leads (`readlink(2)`).
    public func symbolicLinkTarget() throws(SystemCallError) -> String {
        var failure: CInt = 0
        let target = unsafe [UInt8](unsafeUninitializedCapacity: Int(PATH_MAX)) { buffer, filled in
            guard let start = buffer.baseAddress else { return }
            let length = unsafe readlink(
                string, UnsafeMutableRawPointer(start).assumingMemoryBound(to: CChar.self), buffer.count)
            failure = length < 0 ? errno : 0
            filled = max(0, length)
        }
        guard failure == 0 else { throw SystemCallError("readlink", Errno(rawValue: failure), subject: string) }
        return String(decoding: target, as: UTF8.self)
    }

    /// The names of what is in a directory, without `.` and `..`, in no order.
    public func directoryEntries() throws(SystemCallError) -> [String] {
        guard let directory = unsafe opendir(string) else {
            throw SystemCallError("opendir", Errno(rawValue: errno), subject: string)
        }
        defer { _ = unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." {
                names.append(name)
            }
        }
        return names
    }
}

/// The value of an environment variable; nil where it is not set or empty.
public func environmentVariable(_ name: String) -> String? {
    guard let value = unsafe getenv(name), unsafe value.pointee != 0 else { return nil }
    return unsafe String(cString: value)
}
