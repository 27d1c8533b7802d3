import Glibc
import Host
import SystemPackage

/// A file system in memory, so small that it fills up; it is gone with this object.
final class TinyDisk {
    let path: FilePath

    /// Whether this process may mount file systems.
    static let isAvailable = (try? TinyDisk(size: 4096)) != nil

    init(size: Int) throws {
        var template = Array("/tmp/swiftlet-disk-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemCallError("mkdtemp", Errno(rawValue: errno)) }
        let name = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard mount("tmpfs", name, "tmpfs", 0, "size=\(size)") == 0 else {
            let reason = Errno(rawValue: errno)
            rmdir(name)
            throw SystemCallError("mount", reason)
        }
        path = FilePath(name)
    }

    deinit {
        umount2(path.string, CInt(MNT_DETACH))
        rmdir(path.string)
    }
}
