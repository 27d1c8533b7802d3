import AgentProtocol
import Host
import SystemPackage

/// A command's standard input: what it does not take yet waits here, within what the client was granted.
final class CommandInput {
    private let owned: OwnedDescriptor
    private let isTerminal: Bool
    private let loop: EventLoop
    private var pending: [UInt8] = []
    private var writtenCount = 0
    private var token: EventLoop.Token?
    private var isEnding = false
    private var isClosed = false
    /// What the client may send.
    private var window = AgentProtocol.inputWindow
    /// What the command has taken, and the client was not told of.
    private var takenCount = 0

    /// Called with what the client may send in addition.
    var onCredit: (UInt32) -> Void = { _ in }

    /// What the client is told of at once.
    private static let creditStep = AgentProtocol.inputWindow / 4
    /// What ends the input of a program that reads lines from a terminal (VEOF): Ctrl-D.
    private static let endOfFile: UInt8 = 4

    init(_ owned: OwnedDescriptor, isTerminal: Bool, loop: EventLoop) {
        self.owned = owned
        self.isTerminal = isTerminal
        self.loop = loop
    }

    func write(_ bytes: [UInt8]) throws(ProtocolError) {
        guard bytes.count <= window else { throw .exceededWindow }
        guard !isEnding else { throw .unexpectedFrame(.input) }
        window -= bytes.count
        guard !isClosed else { return take(bytes.count) }
        pending += bytes
        if token == nil { flush() }
    }

    /// No more will come.
    func end() {
        guard !isEnding, !isClosed else { return }
        isEnding = true
        if isTerminal {
            pending.append(Self.endOfFile)
        }
        if token == nil { flush() }
    }

    func close() {
        isClosed = true
        stopWaiting()
        pending = []
        owned.close()
    }

    private func flush() {
        while writtenCount < pending.count {
            do throws(SystemCallError) {
                let count = try ByteStream.write(owned.descriptor, pending[writtenCount...])
                guard count > 0 else { return waitForRoom() }
                writtenCount += count
                take(count)
            } catch {
                // The command has closed its input; what else comes is dropped.
                let rest = pending.count - writtenCount
                close()
                return take(rest)
            }
        }
        pending.removeAll(keepingCapacity: true)
        writtenCount = 0
        stopWaiting()
        if isEnding && !isTerminal {
            close()
        }
    }

    private func waitForRoom() {
        if writtenCount > AgentProtocol.maximumData {
            pending.removeSubrange(..<writtenCount)
            writtenCount = 0
        }
        guard token == nil else { return }
        token = try? loop.add(owned.descriptor, .writable) { [unowned self] _ in flush() }
    }

    private func stopWaiting() {
        if let token {
            loop.remove(token)
        }
        token = nil
    }

    private func take(_ count: Int) {
        takenCount += count
        guard takenCount >= Self.creditStep else { return }
        window += takenCount
        onCredit(UInt32(takenCount))
        takenCount = 0
    }
}
