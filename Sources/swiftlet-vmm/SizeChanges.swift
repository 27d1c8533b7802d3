import Host
import Machine
import Synchronization

/// Changes of memory devices' plugged sizes, on their way from the machine's thread to the main loop: a guest makes
/// thousands a second, and clients hear of one a second and device, and of the last in any case.
final class SizeChanges: Sendable {
    private struct Change {
        var size: UInt64
        /// Whether it was told.
        var isTold: Bool
    }

    private let changes = Mutex<[String: Change]>([:])

    /// Milliseconds between two that are told.
    static let interval: UInt64 = 1_000

    /// Takes note of a change.
    ///
    /// - Returns: whether the main loop has to be told: it does not look at the device by itself.
    func note(_ id: String, size: UInt64) -> Bool {
        changes.withLock { changes in
            let isFirst = changes[id] == nil
            changes[id] = Change(size: size, isTold: false)
            return isFirst
        }
    }

    /// The size to be told now; nil where nothing is new, and the next change has to be told to the main loop.
    func next(_ id: String) -> UInt64? {
        changes.withLock { changes in
            guard let change = changes[id], !change.isTold else {
                changes[id] = nil
                return nil
            }
            changes[id]?.isTold = true
            return change.size
        }
    }
}
