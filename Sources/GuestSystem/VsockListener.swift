import CGuest
import Host
import SystemPackage

/// Connections of the host to a port of the guest (`vsock(7)`).
public enum VsockListener {
    /// - Throws: `SystemCallError`: ENOENT where the kernel has no vsock and ENODEV where the machine has none, EADDRINUSE
    ///   where the port is taken.
    public static func listen(port: UInt32) throws(SystemCallError) -> OwnedFileDescriptor {
        try OwnedFileDescriptor(result: Int(cg_listen_vsock(port)), of: "bind", subject: "vsock port \(port)")
    }

    /// Whether a connection is the host's. Programs in the guest can connect, too, where the kernel has a loopback.
    public static func comesFromHost(_ connection: FileDescriptor) -> Bool {
        cg_comes_from_host(connection.rawValue)
    }
}
