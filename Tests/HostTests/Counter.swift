import Synchronization

/// A number that threads count up.
final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .sequentiallyConsistent) }

    func set(_ value: Int) {
        count.store(value, ordering: .sequentiallyConsistent)
    }

    func add() {
        count.add(1, ordering: .sequentiallyConsistent)
    }
}
