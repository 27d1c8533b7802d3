extension Vsock {
    /// The identifiers that guests can have: 0, 1 and 2 are the hypervisor's, the local one and the host's, and the
    /// highest means any (virtio specification, 5.10.4).
    static let cids: ClosedRange<UInt32> = 3...(.max - 1)
    /// Bytes of a path, so that `_` and any port can stand behind it.
    public static let maximumPathLength = SocketPath.maximumLength - "_\(UInt32.max)".utf8.count

    func check() throws(ConfigurationError) {
        guard Self.cids.contains(cid) else {
            throw ConfigurationError(
                "--vsock cid=\(cid)",
                "reserved: a guest has one from \(Self.cids.lowerBound) to \(Self.cids.upperBound)")
        }
        guard !path.isEmpty, !path.utf8.contains(0) else { throw ConfigurationError("--vsock", "the path is empty") }
        try Self.check(path: path)
    }

    /// - Throws: for a path that is too long.
    public static func check(path: String) throws(ConfigurationError) {
        guard path.utf8.count <= maximumPathLength else {
            throw ConfigurationError(
                "--vsock socket=\(path)",
                "the path has \(path.utf8.count) bytes; at most \(maximumPathLength) leave room for the ports' numbers"
                    + " behind it in a Unix socket's path")
        }
    }
}
