import Configuration
import Host
import SystemPackage

/// Where a machine's serial port or virtio console leads, opened; a socket's end is one of the machine's places.
struct ChannelEnd {
    let channel: LaunchRequest.Channel

    /// What goes along to the process that holds the guest.
    var descriptors: [FileDescriptor] {
        guard case .descriptor(let number, _) = channel else { return [] }
        return [FileDescriptor(rawValue: number)]
    }

    /// Opens it. A file keeps what it holds until the guest's process starts the guest.
    ///
    /// - Parameters:
    ///   - name: the option that asks for it, without its dashes.
    ///   - sources: what the guest is made from; none of it may become its log.
    /// - Throws: `Refusal` for a file that can't be written, `SystemCallError` where there is no pseudo-terminal.
    init?(opening option: ChannelOption, of name: String, apartFrom sources: [FilePath]) throws {
        switch option {
        case .unix: return nil
        case .stdio:
            channel = .stdio
        case .null:
            channel = .null
        case .pty:
            let terminal = try PseudoTerminal()
            let path = terminal.path
            // Not for standard output, which may be the monitor's.
            try FileDescriptor.standardError.writeAll("\(name): \(path)\n".utf8)
            channel = .descriptor(terminal.takeMaster().rawValue, name: path)
        case .file(let path):
            let file = try openForAppending(path, option: "--\(name) file:\(path)", apartFrom: sources)
            channel = .descriptor(file.rawValue, name: path)
        }
    }
}
