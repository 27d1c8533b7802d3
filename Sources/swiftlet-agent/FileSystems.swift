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
        "lazytime": (1 << 25, 0), "unbindable": (1 << 17, 0), "private": (1 << 18, 0), "slave": (1 << 19, 0),
        "shared": (1 << 20, 0), "defaults": (0, 0),
    ]
    private static let bind: UInt = 4096
    private static let remount: UInt = 32
    private static let recursive: UInt = 16384

    /// - Throws: `SystemCallError`.
    static func mount(_ request: MountRequest) throws {
        var (flags, data) = parse(request.options)
        if request.type == "bind" { flags |= bind }
        let target = FilePath(request.target)
        if (try? Stat(target)) == nil {
            try target.createDirectories(permissions: [.ownerReadWriteExecute, .groupReadExecute, .otherReadExecute])
        }
        try GuestKernel.mount(
            source: request.source, target: request.target, type: request.type, flags: flags, options: data)
        // The kernel takes no other flags while it binds.
        let others = flags & ~(bind | recursive)
        if flags & bind != 0 && others != 0 {
            try GuestKernel.mount(
                source: request.source, target: request.target, type: request.type, flags: bind | remount | others,
                options: "")
        }
    }

    private static func parse(_ options: [String]) -> (flags: UInt, data: String) {
        var (set, data): (UInt, [String]) = (0, [])
        for option in options.flatMap({ $0.split(separator: ",") }).map(String.init) {
            if let flag = flags[option] {
                set = (set & ~flag.clear) | flag.set
            } else {
                data.append(option)
            }
        }
        return (set, data.joined(separator: ","))
    }
}
