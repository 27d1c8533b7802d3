import AgentProtocol
import Glibc
import GuestSystem
import Host
import SystemPackage

/// Mounting, with options as mount(8) takes them.
enum FileSystems {
    /// Options that are flags to the kernel (mount(2)), and those that take one back.
    private static let flags: [String: (set: UInt, clear: UInt)] = [
        "ro": (1, 0), "rw": (0, 1), "nosuid": (2, 0), "suid": (0, 2), "nodev": (4, 0), "dev": (0, 4),
        "noexec": (8, 0), "exec": (0, 8), "sync": (16, 0), "async": (0, 16), "remount": (32, 0),
        "dirsync": (128, 0), "noatime": (1024, 0), "atime": (0, 1024), "nodiratime": (2048, 0), "bind": (4096, 0),
        "rbind": (4096 | 16384, 0), "move": (8192, 0), "relatime": (1 << 21, 0), "strictatime": (1 << 24, 0),
        "lazytime": (1 << 25, 0), "defaults": (0, 0),
    ]
    /// What becomes of mounts in copies of a mount (mount_namespaces(7)); the kernel takes each alone.
    private static let propagations: [String: UInt] = [
        "unbindable": 1 << 17, "private": 1 << 18, "slave": 1 << 19, "shared": 1 << 20,
        "runbindable": 1 << 17 | recursive, "rprivate": 1 << 18 | recursive, "rslave": 1 << 19 | recursive,
        "rshared": 1 << 20 | recursive,
    ]
    private static let bind: UInt = 4096
    private static let move: UInt = 8192
    private static let remount: UInt = 32
    private static let recursive: UInt = 16384

    /// What mount options mean.
    private struct Options {
        var flags: UInt = 0
        /// In their order.
        var propagations: [UInt] = []
        /// What the file system understands.
        var data: [String] = []
    }

    /// - Throws: `SystemCallError`; nothing stays mounted then, unless the kernel says that it is in use already.
    static func mount(_ request: MountRequest) throws {
        var options = parse(request.options)
        if request.type == "bind" { options.flags |= bind }
        let flags = options.flags
        let target = FilePath(request.target)
        if (try? Stat(target)) == nil {
            try target.createDirectories(permissions: [.ownerReadWriteExecute, .groupReadExecute, .otherReadExecute])
        }
        try GuestKernel.mount(
            source: request.source, target: request.target, type: request.type, flags: flags,
            options: options.data.joined(separator: ","))
        do throws(SystemCallError) {
            // The kernel takes no other flags while it binds.
            let others = flags & ~(bind | recursive)
            if flags & bind != 0 && others != 0 {
                try GuestKernel.mount(
                    source: request.source, target: request.target, type: request.type, flags: bind | remount | others,
                    options: "")
            }
            for propagation in options.propagations {
                try GuestKernel.mount(source: "none", target: request.target, type: "", flags: propagation, options: "")
            }
        } catch {
            if flags & (remount | move) == 0 { try? GuestKernel.unmount(request.target) }
            throw error
        }
    }

    private static func parse(_ texts: [String]) -> Options {
        var options = Options()
        for text in texts.flatMap({ $0.split(separator: ",") }).map(String.init) {
            if let flag = flags[text] {
                options.flags = (options.flags & ~flag.clear) | flag.set
            } else if let propagation = propagations[text] {
                options.propagations.append(propagation)
            } else {
                options.data.append(text)
            }
        }
        return options
    }
}
