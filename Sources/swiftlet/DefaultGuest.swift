import SystemPackage

/// The guest that `GuestImages/build` made.
struct DefaultGuest {
    let kernel: FilePath
    let initialRAMDisk: FilePath

    /// - Parameter root: the directory for everything that Swiftlet keeps.
    /// - Throws: `Refusal` where the guest is not there.
    init(root: FilePath?) throws {
        guard let root else {
            throw Refusal("no --kernel is given, and without HOME there is no place for the guest that is built")
        }
        let directory = root.appending("guest").appending("default")
        kernel = directory.appending("vmlinuz")
        initialRAMDisk = directory.appending("initrd")
        for path in [kernel, initialRAMDisk] where (try? Stat(path)) == nil {
            throw Refusal("no --kernel is given, and \(path) is not there: GuestImages/build makes it")
        }
    }
}
