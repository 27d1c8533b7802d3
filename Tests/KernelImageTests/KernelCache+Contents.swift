import Host
import SystemPackage

@testable import KernelImage

extension KernelCache {
    /// The unpacked kernels that it has.
    func kernels() throws -> [FilePath] {
        try directory.directoryEntries().filter { Self.isDigest($0) }.map {
            directory.appending($0).appending("vmlinux")
        }
    }

    /// How many files are known to hold them.
    func linkCount() throws -> Int {
        try directory.directoryEntries().count { $0.hasPrefix(Self.linkPrefix) }
    }
}
