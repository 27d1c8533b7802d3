import AgentChannel
import AgentProtocol
import ArgumentParser
import Host
import SystemPackage

/// `swiftlet cp`: copies files into a guest or out of one, as `docker cp` does.
struct CopyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cp",
        abstract: "Copy files into a machine's guest, or out of it.",
        discussion: """
            EXAMPLES:
              swiftlet cp notes.txt web:/tmp/
              swiftlet cp web:/proc/meminfo meminfo.txt
              swiftlet cp site/. web:/tmp
                  What is in a directory, without the directory itself.

            One side is a machine's name, a colon and a path in its guest; the other is a path here (one with a colon in \
            its name needs ./ in front). A directory is copied with all that is in it: to a path that is not there it \
            comes under that name, into a directory that is there under its own, or, with '/.' behind it, only what is \
            in it. Symbolic links are copied as links. Permissions and times of files stay, but for set-user-ID bits \
            of a guest's files; they belong to whoever runs this, and in the guest to its agent. A file gets its name \
            when it is complete.
            """)

    @Flag(name: [.customShort("L"), .long], help: "Copy what a symbolic link leads to that is the source itself.")
    var followLink = false

    @Argument(help: "What to copy: <path> or <name>:<path>.")
    var source: String

    @Argument(help: "Where to: <name>:<path> or <path>.")
    var destination: String

    func run() throws {
        ignoreBrokenPipes()
        do {
            switch (CopyPlace(source), CopyPlace(destination)) {
            case (.here(let path), .guest(let machine, let target)):
                try put(path, machine, target)
            case (.guest(let machine, let path), .here(let target)): try get(machine, path, target)
            case (.guest, .guest): throw Refusal("cp: files can't be copied between two guests")
            case (.here, .here): throw Refusal("cp: one side is to be NAME:PATH, with a machine's name")
            }
        } catch let failure as AgentFailure {
            throw Refusal(withoutControls("cp: in the guest: \(failure)"))
        } catch let error as CopyError {
            throw Refusal(withoutControls("cp: \(error)"))
        } catch let error as ProtocolError {
            throw Refusal("cp: the agent sent \(error)")
        } catch let interruption as Interruptions.Interruption {
            // What was begun is removed.
            takeDefaultAction(of: interruption.signal)
        }
    }

    private func put(_ path: CopyPath, _ machine: String, _ target: CopyPath) throws {
        guard !path.isEmpty else { throw Refusal("cp: the source's path is empty") }
        let channel = AgentChannel(try AgentConnector(machine).connect())
        try channel.put(
            path.source(followsLink: followLink), to: target.inGuest.target(takesContents: path.meansContents),
            warn: warn)
    }

    private func get(_ machine: String, _ path: CopyPath, _ target: CopyPath) throws {
        guard !path.isEmpty else { throw Refusal("cp: the source's path is empty") }
        guard !target.isEmpty else { throw Refusal("cp: the destination's path is empty") }
        let channel = AgentChannel(try AgentConnector(machine).connect())
        let interruptions = try Interruptions()
        channel.onWait = interruptions.check
        try channel.get(
            path.inGuest.source(followsLink: followLink), to: target.target(takesContents: path.meansContents),
            name: path.name, warn: warn)
    }

    private func warn(_ text: String) { complain(withoutControls("cp: warning: \(text)")) }
}
