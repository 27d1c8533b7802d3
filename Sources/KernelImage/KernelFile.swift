import Host
import SystemPackage

/// A file that somebody offers as a kernel, open for reading.
struct KernelFile: ~Copyable {
    let descriptor: OwnedFileDescriptor
    /// Its bytes.
    let size: UInt64
    /// Tells it from every other file, and from itself with other contents; letters, digits and dashes.
    let identity: String

    init(opening path: FilePath) throws(KernelImageError.Reason) {
        let opened: OwnedFileDescriptor
        let status: Stat
        do {
            // A pipe without a writer would block.
            opened = try OwnedFileDescriptor(opening: path, .readOnly, options: .nonBlocking)
        } catch {
            throw .unreadable(error.errno)
        }
        do {
            status = try opened.descriptor.stat()
        } catch {
            throw .unreadable(error)
        }
        guard status.type != .directory else { throw .directory }
        guard status.type == .regular else { throw .notAFile }
        guard status.size > 0 else { throw .empty }
        descriptor = opened
        size = UInt64(status.size)
        // A file that is replaced has another inode, one that is written to another change time, which, other than
        // the modification time, nobody can set back.
        let numbers = [
            Int(bitPattern: UInt(status.deviceID.rawValue)), Int(bitPattern: UInt(status.inode.rawValue)),
            Int(status.size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
            status.st_ctim.tv_nsec,
        ]
        identity = numbers.map { String(UInt(bitPattern: $0), radix: 16) }.joined(separator: "-")
    }

    /// Bytes at a position, fewer only where the file ends.
    func bytes(count: Int, at offset: UInt64) throws(KernelImageError.Reason) -> [UInt8] {
        do {
            return try descriptor.descriptor.bytes(count: count, at: offset)
        } catch {
            throw .unreadable(error.errno)
        }
    }
}
