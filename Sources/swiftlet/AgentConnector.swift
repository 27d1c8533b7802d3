import AgentChannel
import AgentProtocol
import Configuration
import Control
import Host
import RunDirectory
import SystemPackage

/// Finds a machine's guest agent: through the machine's vsock, whose socket takes the port's number first.
struct AgentConnector {
    private let machine: String

    init(_ machine: String) {
        self.machine = machine
    }

    /// - Throws: `Refusal` where no such machine runs, it has no vsock, or no agent answers there.
    func connect() throws -> OwnedFileDescriptor {
        let socket = try socketPath()
        do {
            return try AgentSocket(socket).connect()
        } catch is AgentSocket.Silence {
            throw noAgent
        } catch let error as SystemCallError {
            throw Refusal("\(machine): its vsock can't be reached: \(error)")
        }
    }

    private var noAgent: Refusal {
        Refusal(
            "\(machine): no agent answers in the guest: it is still starting, or swiftlet-agent does not run there, or its"
                + " kernel lacks vmw_vsock_virtio_transport")
    }

    private func socketPath() throws -> FilePath {
        let directory = try RunningMachine.directory(machine)
        if let given = givenPath(directory) { return given }
        guard (try? Stat(directory.vsockSocket)) != nil else {
            throw Refusal("\(machine): the machine has no vsock, by which its agent is reached (--vsock)")
        }
        return directory.vsockSocket
    }

    /// The path of a machine that was started with `--vsock`.
    private func givenPath(_ directory: RunDirectory) -> FilePath? {
        guard let text = KernelText.read(directory.configurationFile),
            let file = try? MachineFile(parsing: Array(text.utf8)),
            let option = file.entries.first(where: { $0.option == "vsock" })?.value,
            let vsock = try? Vsock(optionText: option)
        else { return nil }
        return FilePath(vsock.path)
    }
}
