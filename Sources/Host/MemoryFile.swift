import CLinux
import SystemPackage

/// A file that memory is made of: in memory, of huge pages, or on a disk. Several mappings may share it; it is closed,
/// and empty, when the last of them is gone.
public final class MemoryFile: Sendable {
    let descriptor: FileDescriptor
    /// Its bytes.
    public let size: UInt64
    /// Bytes of its pages.
    public let pageSize: UInt64
    /// Whether its contents are always in memory, as those of tmpfs are.
    let isMemory: Bool
    let isHuge: Bool

    /// Takes over an open file, and gives it a size.
    ///
    /// - Parameters:
    ///   - file: a regular file that holds nothing but holes.
    ///   - size: bytes, a multiple of its pages.
    public init(_ file: consuming OwnedFileDescriptor, size: UInt64) throws(MemoryFileError) {
        let state = try Self.state(of: file.descriptor)
        isHuge = state.is_huge
        isMemory = state.is_memory
        pageSize = state.is_huge ? state.page_size : hostPageSize
        self.size = size
        let result = cl_resize_file(file.rawValue, size)
        guard result == 0 else {
            throw .host(SystemCallError("ftruncate", Errno(rawValue: -result), subject: "\(size) bytes"))
        }
        // What can't be given back would stay with the guest for ever.
        guard cl_punch_hole(file.rawValue, 0, pageSize) == 0 else { throw .keepsEverything }
        descriptor = file.release()
    }

    /// A file without a name that exists in memory only. Nobody who is given it can change its size: memory that is gone
    /// from a mapping would end whoever touches it.
    ///
    /// - Parameters:
    ///   - name: for `/proc/PID/maps`.
    ///   - hugePageSize: bytes of its pages, taken from the host's pool; nil for base pages.
    public convenience init(
        inMemory name: String, size: UInt64, hugePageSize: UInt64? = nil
    ) throws(MemoryFileError) {
        let file: OwnedFileDescriptor
        do throws(SystemCallError) {
            if let hugePageSize {
                file = try OwnedFileDescriptor(
                    result: Int(unsafe cl_huge_memory_file(name, hugePageSize)), of: "memfd_create", subject: name)
            } else {
                file = try OwnedFileDescriptor(memoryFile: name)
            }
        } catch {
            throw hugePageSize == nil ? .host(error) : .noHugePages(error)
        }
        try self.init(file, size: size)
        let result = cl_seal_size(descriptor.rawValue)
        guard result == 0 else {
            throw .host(SystemCallError("fcntl", Errno(rawValue: -result), subject: "F_ADD_SEALS"))
        }
    }

    deinit {
        // A file with a name can be used again, and keeps nothing of the guest. One whose size is sealed may be somebody
        // else's too, and is emptied.
        if cl_resize_file(descriptor.rawValue, 0) != 0 { _ = cl_punch_hole(descriptor.rawValue, 0, size) }
        try? descriptor.close()
    }

    /// Opens a file for memory, locked against others: one without a name where the path is a directory, else the file
    /// at the path, which is created if it is missing.
    ///
    /// - Parameter hugePageSize: bytes of the pages of the hugetlbfs mount that it is on; nil for any other file.
    /// - Throws: `MemoryFileError`; a file that holds data is left as it is.
    public static func open(
        _ path: FilePath, hugePageSize: UInt64? = nil
    ) throws(MemoryFileError) -> OwnedFileDescriptor {
        let file = try openAny(path)
        let state = try state(of: file.descriptor)
        switch hugePageSize {
        case nil where state.is_huge: throw .onHugePages
        case _? where !state.is_huge: throw .noMountOfHugePages
        case let size? where size != state.page_size: throw .pageSize(ofMount: state.page_size)
        default: break
        }
        guard cl_lock_file(file.rawValue) == 0 else { throw .inUse }
        return file
    }

    /// Bytes that the file system has given to the file by now; nil where it does not say.
    var allocatedSize: UInt64? {
        (try? descriptor.stat()).map { UInt64($0.blocksAllocated) * 512 }
    }

    /// Bytes that the file system has left for a file, as far as it says.
    public static func room(for file: FileDescriptor) -> UInt64? {
        var state = cl_file_state()
        guard unsafe cl_file_state(file.rawValue, &state) == 0, !state.is_huge else { return nil }
        return state.available
    }

    private static func openAny(_ path: FilePath) throws(MemoryFileError) -> OwnedFileDescriptor {
        do throws(SystemCallError) {
            let result = unsafe cl_unnamed_file(path.string)
            switch -result {
            case ENOTDIR, ENOENT:
                // A pipe without a reader would block.
                return try OwnedFileDescriptor(
                    opening: path, .readWrite, options: [.create, .nonBlocking], permissions: .ownerReadWrite)
            default:
                return try OwnedFileDescriptor(result: Int(result), of: "open", subject: path.string)
            }
        } catch {
            switch error.errno {
            case .notSupported: throw .noUnnamedFiles
            case .isDirectory: throw .noUnnamedFiles
            default: throw .host(error)
            }
        }
    }

    private static func state(of file: FileDescriptor) throws(MemoryFileError) -> cl_file_state {
        var state = cl_file_state()
        let result = unsafe cl_file_state(file.rawValue, &state)
        guard result == 0 else { throw .host(SystemCallError("fstat", Errno(rawValue: -result))) }
        guard state.is_regular else { throw .notRegular }
        guard !state.has_data else { throw .holdsData }
        return state
    }
}
