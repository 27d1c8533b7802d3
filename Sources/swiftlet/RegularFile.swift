import Host
import SystemPackage

/// A file with contents that a user named, open for reading.
struct RegularFile {
    let descriptor: FileDescriptor
    /// Its bytes.
    let size: UInt64

    /// - Parameter option: the option that names it, for messages.
    /// - Throws: `Refusal`.
    init(opening path: FilePath, option: String) throws {
        let opened: FileDescriptor
        let status: Stat
        do {
            // A pipe without a writer would block.
            opened = try OwnedFileDescriptor(opening: path, .readOnly, options: .nonBlocking).release()
            status = try opened.stat()
        } catch {
            let reason = (error as? SystemCallError)?.errno ?? (error as? Errno) ?? .ioError
            throw Refusal("\(option) \(path): cannot be read: \(reason)")
        }
        guard status.type == .regular else {
            throw Refusal(
                "\(option) \(path): \(status.type == .directory ? "a directory, not a file" : "not a regular file")")
        }
        guard status.size > 0 else {
            throw Refusal("\(option) \(path): the file is empty")
        }
        descriptor = opened
        size = UInt64(status.size)
    }
}
