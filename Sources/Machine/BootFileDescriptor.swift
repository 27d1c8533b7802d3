import GuestMemory
import LinuxBoot
import SystemPackage

/// A file that somebody opened, to be loaded into guest memory. It stays open for as long as the machine may be reset.
struct BootFileDescriptor: BootFile {
    let descriptor: FileDescriptor
    let kind: BootFileKind

    func load(
        fileOffset: UInt64, count: UInt64, into memory: GuestMemory, at address: GuestAddress
    ) throws(BootError) {
        do throws(GuestMemory.LoadError) {
            try memory.load(from: descriptor, fileOffset: fileOffset, count: count, at: address)
        } catch {
            switch error {
            case .memory(let error): throw .memory(error)
            case .file, .endOfFile: throw .unreadable(kind, reason: error.description)
            }
        }
    }
}
