import AgentProtocol
import Host
import SystemPackage

/// Where a command's output comes from.
final class CommandOutput {
    private let owned: OwnedDescriptor
    /// What it is sent as.
    let type: FrameType
    private var token: EventLoop.Token?
    private weak var loop: EventLoop?
    /// How much more is read; nil for all.
    var remainder: Int?
    /// Whether nothing more comes.
    private(set) var isOver = false

    init(_ owned: OwnedDescriptor, _ type: FrameType) {
        self.owned = owned
        self.type = type
    }

    var descriptor: FileDescriptor { owned.descriptor }

    /// Has a handler called whenever there is something to read.
    func wait(on loop: EventLoop, _ handler: @escaping () -> Void) {
        guard token == nil, !isOver else { return }
        self.loop = loop
        token = try? loop.add(owned.descriptor, .readable) { _ in handler() }
    }

    func stopWaiting() {
        if let token {
            loop?.remove(token)
        }
        token = nil
    }

    func read() -> ByteStream.ReadResult {
        let limit = min(AgentProtocol.maximumData, remainder ?? AgentProtocol.maximumData)
        guard limit > 0, case .some(let result) = try? ByteStream.read(owned.descriptor, limit: limit) else {
            close()
            return .end
        }
        if case .bytes(let bytes) = result {
            remainder = remainder.map { $0 - bytes.count }
        }
        if result == .end { close() }
        return result
    }

    func close() {
        stopWaiting()
        isOver = true
        owned.close()
    }
}
