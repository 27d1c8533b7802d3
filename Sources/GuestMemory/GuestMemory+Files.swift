import CLinux
import Host
import SystemPackage

extension GuestMemory {
    /// Why bytes of a file did not get into guest memory.
    public enum LoadError: Error, Sendable, Equatable, CustomStringConvertible {
        case memory(GuestMemoryError)
        case file(SystemCallError)
        /// The file ends before the bytes do: it is shorter than it was said to be.
        case endOfFile(offset: UInt64)

        public var description: String {
            switch self {
            case .memory(let error): error.description
            case .file(let error): error.description
            case .endOfFile(let offset): "the file ends at \(offset) bytes, before it should"
            }
        }
    }

    /// Reads a part of a file straight into guest memory (`pread(2)`).
    public func load(
        from descriptor: FileDescriptor, fileOffset: UInt64, count: UInt64, at address: GuestAddress
    ) throws(LoadError) {
        var done: UInt64 = 0
        while done < count {
            let (pointer, available): (UnsafeMutableRawPointer, UInt64)
            do {
                unsafe (pointer, available) = try part(of: address, count: count, after: done)
            } catch {
                throw .memory(error)
            }
            let result = unsafe cl_pread(
                descriptor.rawValue, pointer, Int(min(available, count - done)), fileOffset &+ done)
            switch result {
            case 1...: done += UInt64(result)
            case 0: throw .endOfFile(offset: fileOffset &+ done)
            case -Int(EINTR): continue
            case -Int(EFAULT): throw .memory(.inaccessible(address, count: count))
            default: throw .file(SystemCallError("pread", Errno(rawValue: CInt(-result))))
            }
        }
    }
}
