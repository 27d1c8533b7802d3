import AgentProtocol
import GuestSystem
import Host
import SystemPackage

/// A pipe whose ends have owners of their own.
struct CommandPipe {
    let readEnd: OwnedDescriptor
    let writeEnd: OwnedDescriptor

    init() throws(SystemCallError) {
        do throws(Errno) {
            let ends = try FileDescriptor.pipe(options: .closeOnExec)
            readEnd = OwnedDescriptor(OwnedFileDescriptor(ends.readEnd))
            writeEnd = OwnedDescriptor(OwnedFileDescriptor(ends.writeEnd))
        } catch {
            throw SystemCallError("pipe", error)
        }
    }
}

/// Pipes or a terminal between the agent and a command.
struct CommandStreams {
    /// The command's ends.
    let ofCommand: CommandStart.Streams
    /// The agent's ends; they do not block.
    let outputs: [(descriptor: OwnedDescriptor, type: FrameType)]
    let input: OwnedDescriptor?
    /// Closed when the command has been started.
    private let others: [OwnedDescriptor]

    init(_ request: ExecRequest) throws(SystemCallError) {
        if let size = request.terminal {
            let master = OwnedDescriptor(try GuestTerminal.open(rows: size.rows, columns: size.columns))
            // Of its own, because a loop waits for each descriptor once.
            input =
                request.hasInput
                ? OwnedDescriptor(try OwnedFileDescriptor(duplicating: master.descriptor)) : nil
            outputs = [(master, .output)]
            ofCommand = .terminal(master.descriptor)
            others = []
            return
        }
        if request.isDetached {
            let null = OwnedDescriptor(try OwnedFileDescriptor(opening: "/dev/null", .readWrite))
            (input, outputs, others) = (nil, [], [null])
            ofCommand = .separate(input: null.descriptor, output: null.descriptor, errors: null.descriptor)
            return
        }
        let (output, errors) = (try CommandPipe(), try CommandPipe())
        let commandInput: OwnedDescriptor
        if request.hasInput {
            let pipe = try CommandPipe()
            (commandInput, input) = (pipe.readEnd, pipe.writeEnd)
            try pipe.writeEnd.descriptor.makeNonBlocking()
        } else {
            commandInput = OwnedDescriptor(try OwnedFileDescriptor(opening: "/dev/null", .readOnly))
            input = nil
        }
        try output.readEnd.descriptor.makeNonBlocking()
        try errors.readEnd.descriptor.makeNonBlocking()
        outputs = [(output.readEnd, .output), (errors.readEnd, .errors)]
        ofCommand = .separate(
            input: commandInput.descriptor, output: output.writeEnd.descriptor, errors: errors.writeEnd.descriptor)
        others = [commandInput, output.writeEnd, errors.writeEnd]
    }
}
