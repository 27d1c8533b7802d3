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

    /// - Throws: `Refusal` for a file that can't be written, `SystemCallError` where there is no pseudo-terminal.
    init(opening option: SerialOption) throws {
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
            do {
                // Each run has a log of its own, and whoever empties the file meanwhile leaves no hole in it.
                let file = try OwnedFileDescriptor(
                    opening: FilePath(path), .writeOnly, options: [.create, .truncate, .append]
                ).release()
                channel = .descriptor(file.rawValue, name: path)
            } catch {
                throw Refusal("--serial file:\(path): cannot be written: \(error.errno)")
            }
        }
    }
}
