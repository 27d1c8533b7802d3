import Host

/// Things that are due a fixed time after they were put here, in that order.
struct DeadlineQueue<Element> {
    private let delay: UInt64
    private var entries: [(deadline: MonotonicInstant, element: Element)] = []
    private var first = 0

    /// - Parameter delay: milliseconds.
    init(delay: UInt64) {
        self.delay = delay
    }

    /// When the next one is due; nil where there is none.
    var next: MonotonicInstant? { first < entries.count ? entries[first].deadline : nil }

    mutating func append(_ element: Element) {
        entries.append((.now().advanced(byMilliseconds: delay), element))
    }

    /// Takes what is due.
    mutating func removeDue(by now: MonotonicInstant) -> [Element] {
        let start = first
        while first < entries.count, entries[first].deadline <= now { first += 1 }
        let due = entries[start..<first].map(\.element)
        if 2 * first >= entries.count {
            entries.removeFirst(first)
            first = 0
        }
        return due
    }
}
