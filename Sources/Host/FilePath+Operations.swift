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

    /// Gives a file another name; a file that has that name is replaced (`rename(2)`).
    public func renameFile(to other: FilePath) throws(SystemCallError) {
        guard unsafe rename(string, other.string) == 0 else {
            throw SystemCallError("rename", Errno(rawValue: errno), subject: other.string)
        }
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
