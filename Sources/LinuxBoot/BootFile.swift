import GuestMemory

/// A file that is loaded into guest memory: an unpacked kernel or an initial RAM disk.
///
/// It keeps this layer away from descriptors and system calls: whoever owns the file copies from it.
public protocol BootFile: Sendable {
    /// Copies bytes of the file into guest memory.
    ///
    /// - Parameters:
    ///   - fileOffset: where the bytes begin in the file.
    ///   - count: how many bytes; all of them, or an error.
    /// - Throws: `unreadable` where the file ends early or can't be read, `memory` where guest memory can't be
    ///   written.
    func load(
        fileOffset: UInt64, count: UInt64, into memory: GuestMemory, at address: GuestAddress
    ) throws(BootError)
}
