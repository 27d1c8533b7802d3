import Host
import Synchronization

/// A value that one thread waits for and another one gives, once.
final class Reply<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private let event: EventDescriptor

    /// - Throws: `SystemCallError` (EMFILE, ENFILE, ENOMEM).
    init() throws(SystemCallError) {
        event = try EventDescriptor()
    }

    func give(_ newValue: Value) {
        value.withLock { $0 = newValue }
        event.signal()
    }

    /// Waits for the value; any number of threads may, at any time.
    func wait() -> Value {
        while true {
            if let value = value.withLock({ $0 }) {
                return value
            }
            event.wait()
            // Another thread may wait for the same.
            event.signal()
        }
    }
}
