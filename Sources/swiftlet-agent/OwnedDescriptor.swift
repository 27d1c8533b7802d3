import Host
import SystemPackage

/// A descriptor that is closed when nobody refers to it any more, at the latest.
final class OwnedDescriptor {
    let descriptor: FileDescriptor
    private var isOpen = true

    init(_ owned: consuming OwnedFileDescriptor) {
        descriptor = owned.release()
    }

    func close() {
        guard isOpen else { return }
        isOpen = false
        try? descriptor.close()
    }

    deinit {
        close()
    }
}
