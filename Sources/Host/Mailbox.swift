import Synchronization

/// Messages from any thread to the thread of an event loop.
public final class Mailbox<Message: Sendable>: Sendable {
    private let messages = Mutex<[Message]>([])
    private let event: EventDescriptor

    /// - Throws: `SystemCallError` (EMFILE, ENFILE, ENOMEM).
    public init() throws(SystemCallError) {
        event = try EventDescriptor()
    }

    /// Sends a message; messages of one thread arrive in the order in which they were sent.
    public func send(_ message: Message) {
        messages.withLock { $0.append(message) }
        event.signal()
    }

    /// Calls the handler on the loop's thread for each message from now on.
    ///
    /// - Throws: `SystemCallError` where the loop can't wait for one more descriptor.
    public func attach(to loop: EventLoop, _ handler: @escaping (Message) -> Void) throws(SystemCallError) {
        _ = try loop.add(event.descriptor, .readable) { [self] _ in
            event.drain()
            let received = messages.withLock { queued in
                defer { queued.removeAll(keepingCapacity: true) }
                return queued
            }
            for message in received {
                handler(message)
            }
        }
    }
}
