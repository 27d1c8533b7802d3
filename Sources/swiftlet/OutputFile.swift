import Host
import SystemPackage

/// Opens a file that a machine is to write to, for as long as the process lives. What it holds stays.
///
/// - Parameters:
///   - option: the option that names it, for messages.
///   - sources: what the guest is made from; none of it may be overwritten.
/// - Throws: `Refusal`.
func openForAppending(_ path: String, option: String, apartFrom sources: [FilePath]) throws -> FileDescriptor {
    for source in sources where isSameFile(FilePath(path), source) {
        throw Refusal("\(option): the guest boots from this file; give another one")
    }
    do {
        // Whoever empties the file while the guest runs leaves no hole in it.
        // A pipe that nobody reads would be waited for, and with it the end of this process.
        return try OwnedFileDescriptor(
            opening: FilePath(path), .writeOnly, options: [.create, .append, .nonBlocking]
        ).release()
    } catch {
        throw Refusal("\(option): cannot be written: \(reason(error.errno, path))")
    }
}

/// ENXIO means different things (`open(2)`).
private func reason(_ errno: Errno, _ path: String) -> String {
    guard errno == .noSuchAddressOrDevice else { return "\(errno)" }
    return switch (try? Stat(FilePath(path)))?.type {
    case .fifo: "nobody reads from it"
    case .socket: "it is a socket"
    default: "\(errno)"
    }
}

private func isSameFile(_ path: FilePath, _ other: FilePath) -> Bool {
    guard let file = try? Stat(path), let otherFile = try? Stat(other) else { return false }
    return file.deviceID == otherFile.deviceID && file.inode == otherFile.inode
}
