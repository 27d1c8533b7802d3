import CLinux
import SystemPackage

/// A disk's image, or a block device.
public struct DiskFile: Sendable {
    /// Bytes.
    public let size: UInt64
    /// The least that is read and written at once, in bytes.
    public let blockSize: UInt32

    private static let blockSizes: [UInt32] = [512, 4096]
    /// O_DIRECT, which swift-system does not name.
    private static let direct = FileDescriptor.OpenOptions(rawValue: CInt(CL_O_DIRECT))
    /// O_EXCL, by which a block device has no other user: no mount, no volume, no other program that wants it so.
    private static let exclusive = FileDescriptor.OpenOptions.exclusiveCreate

    /// Opens a file for a disk, locked against another writer for as long as a descriptor of it is open, in whichever
    /// process.
    ///
    /// - Parameter direct: whether reads and writes go past the host's cache (O_DIRECT).
    public static func open(
        _ path: FilePath, writes: Bool, direct: Bool
    ) throws(DiskFileError) -> OwnedFileDescriptor {
        let options = direct ? Self.direct : []
        var file = try open(path, writes: writes, options: options)
        _ = try DiskFile(file.descriptor, direct: direct)
        if writes, try state(of: file.descriptor).is_block_device {
            file = try open(path, writes: writes, options: options.union(Self.exclusive))
        }
        // The kernel would give up on requests for which it has to wait.
        do throws(SystemCallError) { try file.descriptor.makeBlocking() } catch { throw .host(error) }
        let result: CInt = cl_lock_disk(file.rawValue, writes)
        guard result != -EAGAIN else { throw .inUse(writes: writes) }
        guard result == 0 else {
            throw .host(SystemCallError("fcntl", Errno(rawValue: -result), subject: "F_OFD_SETLK"))
        }
        return file
    }

    /// What there is to know about an open file.
    ///
    /// - Parameter direct: whether it is open for direct access.
    public init(_ file: FileDescriptor, direct: Bool) throws(DiskFileError) {
        let state = try Self.state(of: file)
        guard !state.is_directory else { throw .directory }
        guard state.is_regular || state.is_block_device else { throw .noDisk }
        guard state.size >= 512 else { throw .empty }
        size = state.size
        blockSize = direct ? try Self.directBlockSize(of: file, atLeast: state.block_size) : state.block_size
    }

    private static func state(of file: FileDescriptor) throws(DiskFileError) -> cl_disk_state {
        var state = cl_disk_state()
        let result = unsafe cl_disk_state(file.rawValue, &state)
        guard result == 0 else { throw .host(SystemCallError("fstat", Errno(rawValue: -result))) }
        return state
    }

    private static func directBlockSize(
        of file: FileDescriptor, atLeast least: UInt32
    ) throws(DiskFileError) -> UInt32 {
        var result: CInt = -EINVAL
        for size in blockSizes where size >= least {
            result = cl_try_direct(file.rawValue, size)
            if result == 0 { return size }
            guard result == -EINVAL else { break }
        }
        throw .noDirectAccess(Errno(rawValue: -result))
    }

    private static func open(
        _ path: FilePath, writes: Bool, options: FileDescriptor.OpenOptions
    ) throws(DiskFileError) -> OwnedFileDescriptor {
        // A pipe without another end would block.
        let options = options.union(.nonBlocking)
        do throws(SystemCallError) {
            return try OwnedFileDescriptor(opening: path, writes ? .readWrite : .readOnly, options: options)
        } catch {
            switch error.errno {
            case .isDirectory: throw .directory
            case .invalidArgument where options.contains(Self.direct): throw .noDirectAccess(error.errno)
            case .noSuchAddressOrDevice: throw .noDisk
            case .resourceBusy: throw .usedByHost
            case .permissionDenied, .readOnlyFileSystem, .notPermitted:
                let isReadable = (try? OwnedFileDescriptor(opening: path, .readOnly, options: .nonBlocking)) != nil
                throw writes && isReadable ? .notWritable(error.errno) : .host(error)
            default: throw .host(error)
            }
        }
    }
}
