import Configuration
import Glibc
import Host
import SystemPackage

/// The connections to those who serve a machine's file systems.
struct FileSystemEnds {
    /// The machine with its descriptors.
    private(set) var machine: MachineConfiguration
    /// What goes along to the process that holds the guest.
    private(set) var descriptors: [FileDescriptor] = []
    private var program: VirtiofsdProgram?

    /// Connects to the sockets, and looks whether the directories can be shared.
    ///
    /// - Throws: `Refusal`.
    init(connecting machine: MachineConfiguration) throws {
        self.machine = machine
        for (index, fileSystem) in machine.fileSystems.enumerated() {
            switch fileSystem.source {
            case .socket(let path):
                do {
                    note(try UnixSocket.connectAtOnce(to: FilePath(path)).release(), for: index)
                } catch {
                    throw Refusal(
                        "\(fileSystem.option): socket \(path): no virtiofsd can be reached there: \(error.errno)")
                }
            case .directory(let path, _):
                try Self.check(directory: FilePath(path), option: fileSystem.option)
                program = try program ?? VirtiofsdProgram()
            }
        }
    }

    private static func check(directory path: FilePath, option: String) throws {
        let type: FileType
        do {
            type = try Stat(path).type
        } catch {
            throw Refusal("\(option): path \(path): \(error)")
        }
        guard type == .directory else {
            throw Refusal("\(option): path \(path): not a directory; --disk is for images and block devices")
        }
        guard unsafe access(path.string, R_OK | X_OK) == 0 else {
            throw Refusal("\(option): path \(path): \(Errno(rawValue: errno))")
        }
    }

    /// Starts a virtiofsd for each directory. They end when nobody has the descriptors any more.
    ///
    /// - Throws: `Refusal`.
    mutating func startServers() throws {
        guard let program else { return }
        for (index, fileSystem) in machine.fileSystems.enumerated() {
            guard case .directory(_, let isReadOnly) = fileSystem.source else { continue }
            let pipe = try Pipe()
            let server = try program.start(fileSystem, isReadOnly: isReadOnly, errors: pipe.writeEnd.descriptor)
            note(server.takeConnection().release(), for: index)
            let messages = pipe.takeReadEnd().release()
            descriptors.append(messages)
            machine.fileSystems[index].messages = messages.rawValue
        }
    }

    private mutating func note(_ descriptor: FileDescriptor, for index: Int) {
        descriptors.append(descriptor)
        machine.fileSystems[index].descriptor = descriptor.rawValue
    }

    /// The process that holds the guest has them as children, and does not ask how they ended.
    func disownServers() {
        if program != nil { signal(SIGCHLD, SIG_IGN) }
    }
}
