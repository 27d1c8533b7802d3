import AgentChannel
import AgentProtocol
import Glibc
import GuestSystem
import Host
import SystemPackage

/// An operation in a process of its own: it may wait for its client, and for file systems, as long as it takes.
enum Worker {
    /// - Parameters:
    ///   - descriptor: the connection; it blocks.
    ///   - parser: with what has been read of it.
    static func run(_ request: AgentRequest, _ descriptor: FileDescriptor, read parser: FrameParser) -> Never {
        let channel = AgentChannel(OwnedFileDescriptor(descriptor), parser: parser)
        do {
            try channel.send(perform(request, channel).frame)
        } catch {
            let kind = error is ProtocolError ? AgentFailure.Kind.badRequest : .refused
            let failure = (error as? AgentFailure) ?? AgentFailure(kind, "\(error)")
            try? channel.send(AgentMessage.failed(failure).frame)
        }
        channel.finish()
        _exit(0)
    }

    private static func perform(_ request: AgentRequest, _ channel: AgentChannel) throws -> AgentMessage {
        switch request {
        case .put(let target): try receiveFiles(target, channel)
        case .get(let source):
            let sender = FileTreeSender(
                send: { try channel.send($0.frame) },
                warn: { try channel.send(AgentMessage.warning($0).frame) })
            try sender.send(source)
        case .memory: return .memoryReport(MemoryInspection.report())
        case .online(let request): return .onlineReport(try MemoryOnlining.perform(request))
        case .mount(let request): try FileSystems.mount(request)
        case .unmount(let target): try GuestKernel.unmount(target)
        case .exec, .shutdown, .information: break
        }
        return .done
    }

    private static func receiveFiles(_ target: CopyTarget, _ channel: AgentChannel) throws {
        let receiver = FileTreeReceiver(target, modes: 0o7777)
        umask(0)
        while !receiver.isComplete {
            guard let frame = try channel.receive() else {
                throw AgentFailure(.badRequest, "the connection ended before the files did")
            }
            try receiver.take(try TreePiece(frame))
        }
    }
}
