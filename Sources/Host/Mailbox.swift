import Synchronization

/// Messages from any thread to the thread of an event loop.
public final class Mailbox<Message: Sendable>: Sendable {
    private struct State {
        var messages: [Message] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let event: EventDescriptor

    /// - Throws: `SystemCallError` (EMFILE, ENFILE, ENOMEM).
    public init() throws(SystemCallError) {
        event = try EventDescriptor()
    }

    /// Sends a message; messages of one thread arrive in the order in which they were sent.
    ///
    /// - Returns: false where nobody will receive it: the mailbox is closed.
    @discardableResult public func send(_ message: Message) -> Bool {
        let isOpen = state.withLock { state in
            if !state.isClosed {
                state.messages.append(message)
            }
            return !state.isClosed
        }
        if isOpen {
            event.signal()
        }
        return isOpen
    }

    /// Calls the handler on the loop's thread for each message from now on.
    ///
    /// - Throws: `SystemCallError` where the loop can't wait for one more descriptor.
    public func attach(to loop: EventLoop, _ handler: @escaping (Message) -> Void) throws(SystemCallError) {
        _ = try loop.add(event.descriptor, .readable) { [self] _ in
            event.drain()
            for message in take() {
                handler(message)
            }
        }
    }

    /// Takes no more messages.
    ///
    /// - Returns: those that came too late for the handler.
    public func close() -> [Message] {
        state.withLock { $0.isClosed = true }
        return take()
    }

    private func take() -> [Message] {
        state.withLock { state in
            defer { state.messages.removeAll(keepingCapacity: true) }
            return state.messages
        }
    }
}
