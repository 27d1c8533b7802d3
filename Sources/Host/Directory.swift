import CLinux
import Glibc
import SystemPackage

/// An open directory. What is in it is reached by names, which are bytes, not always UTF-8; symbolic links there are not
/// followed.
public final class Directory {
    private let owned: OwnedFileDescriptor

    private init(_ owned: consuming OwnedFileDescriptor) {
        self.owned = owned
    }

    /// Opens a directory by its path, following symbolic links, to reach what is in it. Reading its entries takes more
    /// permissions, which `forEachEntry` asks for.
    ///
    /// - Throws: `SystemCallError` (ENOENT, ENOTDIR).
    public convenience init(path: [UInt8]) throws(SystemCallError) {
        let flags = CInt(CL_PATH_ONLY) | O_DIRECTORY
        let result = unsafe withName(path) { unsafe cl_open_at(CInt(CL_WORKING_DIRECTORY), $0, flags, 0) }
        self.init(try OwnedFileDescriptor(result: Int(result), of: "open"))
    }

    /// Opens a directory in this one.
    public func directory(_ name: [UInt8]) throws(SystemCallError) -> Directory {
        Directory(try open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
    }

    /// Opens a file to read it; it does not wait for the other end of a FIFO.
    ///
    /// - Parameter follows: whether a symbolic link is followed.
    public func file(_ name: [UInt8], follows: Bool = false) throws(SystemCallError) -> OwnedFileDescriptor {
        try open(name, O_RDONLY | O_NONBLOCK | (follows ? 0 : O_NOFOLLOW))
    }

    /// Makes a file that was not there, for its owner alone.
    ///
    /// - Throws: `SystemCallError` (EEXIST).
    public func makeFile(_ name: [UInt8]) throws(SystemCallError) -> OwnedFileDescriptor {
        try open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
    }

    private func open(_ name: [UInt8], _ flags: CInt, mode: mode_t = 0) throws(SystemCallError) -> OwnedFileDescriptor {
        let result = unsafe withName(name) { unsafe cl_open_at(owned.rawValue, $0, flags, mode) }
        return try OwnedFileDescriptor(result: Int(result), of: "open")
    }

    /// - Parameter follows: whether a symbolic link is followed.
    public func status(of name: [UInt8], follows: Bool = false) throws(SystemCallError) -> FileStatus {
        var status = cl_file_status()
        let result = unsafe withName(name) { unsafe cl_status_at(owned.rawValue, $0, follows, &status) }
        try check(result, "stat")
        return FileStatus(status)
    }

    /// Of the directory itself.
    public func status() throws(SystemCallError) -> FileStatus {
        var status = cl_file_status()
        try check(unsafe cl_status(owned.rawValue, &status), "fstat")
        return FileStatus(status)
    }

    /// Makes a directory, for its owner alone.
    public func makeDirectory(_ name: [UInt8]) throws(SystemCallError) {
        try check(unsafe withName(name) { unsafe cl_make_directory_at(owned.rawValue, $0, 0o700) }, "mkdir")
    }

    public func makeLink(_ name: [UInt8], to target: [UInt8]) throws(SystemCallError) {
        let result = unsafe withName(name) { name in
            unsafe withName(target) { unsafe cl_make_link_at(owned.rawValue, name, $0) }
        }
        try check(result, "symlink")
    }

    /// Where a symbolic link leads.
    public func target(ofLink name: [UInt8]) throws(SystemCallError) -> [UInt8] {
        var length = 0
        let target = unsafe [UInt8](unsafeUninitializedCapacity: Self.maximumPath) { buffer, filled in
            length = unsafe withName(name) { name in
                unsafe buffer.withMemoryRebound(to: CChar.self) { characters in
                    unsafe cl_read_link_at(owned.rawValue, name, characters.baseAddress, characters.count)
                }
            }
            filled = max(length, 0)
        }
        try check(CInt(clamping: min(length, 0)), "readlink")
        return target
    }

    /// Gives something in the directory another name there; a file that has that name is replaced.
    public func rename(_ name: [UInt8], to other: [UInt8]) throws(SystemCallError) {
        let result = unsafe withName(name) { name in
            unsafe withName(other) { unsafe cl_rename_at(owned.rawValue, name, $0) }
        }
        try check(result, "rename")
    }

    /// Removes a file or link.
    public func remove(_ name: [UInt8]) throws(SystemCallError) {
        try check(unsafe withName(name) { unsafe cl_remove_at(owned.rawValue, $0) }, "unlink")
    }

    /// Sets the directory's own permissions and the time of its last change.
    public func setAttributes(mode: UInt16, seconds: Int64, nanoseconds: UInt32) throws(SystemCallError) {
        try owned.descriptor.setAttributes(mode: mode, seconds: seconds, nanoseconds: nanoseconds)
    }

    /// Calls a function with the name of each entry, in no order, without `.` and `..`.
    ///
    /// - Throws: `SystemCallError`, and what the function throws.
    public func forEachEntry(_ body: (_ name: [UInt8]) throws -> Void) throws {
        let dot = [UInt8(ascii: ".")]
        // A descriptor of its own, whose position is nobody else's.
        let opened = try open(dot, O_RDONLY | O_DIRECTORY).release()
        var error: CInt = 0
        guard let entries = unsafe cl_open_entries(opened.rawValue, &error) else {
            try? opened.close()
            throw SystemCallError("opendir", Errno(rawValue: -error))
        }
        defer { unsafe cl_close_entries(entries) }
        while let entry = unsafe cl_next_entry(entries, &error) {
            let name = unsafe Array(UnsafeRawBufferPointer(start: entry, count: strlen(entry)))
            if name != dot && name != dot + dot {
                try body(name)
            }
        }
        guard error == 0 else { throw SystemCallError("readdir", Errno(rawValue: -error)) }
    }

    /// A path without symbolic links in it.
    public static func realPath(_ path: [UInt8]) throws(SystemCallError) -> [UInt8] {
        var length = 0
        let real = unsafe [UInt8](unsafeUninitializedCapacity: maximumPath) { buffer, filled in
            length = unsafe withName(path) { path in
                unsafe buffer.withMemoryRebound(to: CChar.self) { characters in
                    unsafe cl_real_path(path, characters.baseAddress, characters.count)
                }
            }
            filled = max(length, 0)
        }
        guard length >= 0 else { throw SystemCallError("realpath", Errno(rawValue: CInt(-length))) }
        return real
    }

    /// What the kernel takes as a path (PATH_MAX).
    private static let maximumPath = 4096

    private func check(_ result: CInt, _ call: String) throws(SystemCallError) {
        guard result == 0 else { throw SystemCallError(call, Errno(rawValue: -result)) }
    }
}

extension FileDescriptor {
    /// Sets permissions, and the time of the last write in seconds since 1970 and nanoseconds.
    public func setAttributes(mode: UInt16, seconds: Int64, nanoseconds: UInt32) throws(SystemCallError) {
        let result = cl_set_attributes(rawValue, mode_t(mode), seconds, nanoseconds)
        guard result == 0 else { throw SystemCallError("fchmod", Errno(rawValue: -result)) }
    }

    /// What is known of the open file.
    public func fileStatus() throws(SystemCallError) -> FileStatus {
        var status = cl_file_status()
        let result = unsafe cl_status(rawValue, &status)
        guard result == 0 else { throw SystemCallError("fstat", Errno(rawValue: -result)) }
        return FileStatus(status)
    }
}

/// Calls a function with bytes as a C string.
private func withName<Result>(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
    unsafe body(bytes.map { CChar(bitPattern: $0) } + [0])
}
