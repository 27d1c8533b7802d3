import Configuration
import Host
import SystemPackage

/// Where a machine's serial port leads, opened.
struct SerialEnd {
    let channel: LaunchRequest.Serial

    /// What goes along to the process that holds the guest.
    var descriptors: [FileDescriptor] {
        guard case .descriptor(let number, _) = channel else { return [] }
        return [FileDescriptor(rawValue: number)]
    }

    /// Opens it. A file keeps what it holds until the guest's process starts the guest.
    ///
    /// - Parameter sources: what the guest is made from; none of it may become its log.
    /// - Throws: `Refusal` for a file that can't be written, `SystemCallError` where there is no pseudo-terminal.
    init(opening option: SerialOption, apartFrom sources: [FilePath]) throws {
        switch option {
        case .stdio:
            channel = .stdio
        case .null:
            channel = .null
        case .pty:
            let terminal = try PseudoTerminal()
            let path = terminal.path
            // Not for standard output, which may be the monitor's.
            try FileDescriptor.standardError.writeAll("serial: \(path)\n".utf8)
            channel = .descriptor(terminal.takeMaster().rawValue, name: path)
        case .file(let path):
            for source in sources where Self.isSameFile(FilePath(path), source) {
                throw Refusal("--serial file:\(path): the guest boots from this file; give another one")
            }
            do {
                // Whoever empties the file while the guest runs leaves no hole in it.
                let file = try OwnedFileDescriptor(
                    opening: FilePath(path), .writeOnly, options: [.create, .append]
                ).release()
                channel = .descriptor(file.rawValue, name: path)
            } catch {
                throw Refusal("--serial file:\(path): cannot be written: \(error.errno)")
            }
        }
    }

    private static func isSameFile(_ path: FilePath, _ other: FilePath) -> Bool {
        guard let file = try? Stat(path), let otherFile = try? Stat(other) else { return false }
        return file.deviceID == otherFile.deviceID && file.inode == otherFile.inode
    }
}
