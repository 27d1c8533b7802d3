import DiskIO
import Host
import SystemPackage

/// An engine that does nothing but what the test says.
final class FakeDiskEngine: DiskEngine {
    private let event: EventDescriptor
    var completions: FileDescriptor { event.descriptor }
    /// Requests that are under way, by their tags.
    private(set) var underWay: [Int: DiskRequest] = [:]
    /// All that were begun, in order.
    private(set) var begun: [Int] = []
    private var submitted: [(Int, DiskRequest)] = []
    private var results: [(tag: Int, result: Int)] = []
    /// What becomes of requests at once; nil to have them wait for the test.
    var immediate: Int?

    init() throws {
        event = try EventDescriptor()
    }

    func submit(_ request: DiskRequest, tag: Int) {
        submitted.append((tag, request))
    }

    func start() {
        for (tag, request) in submitted {
            underWay[tag] = request
            begun.append(tag)
            if let immediate { finish(tag, immediate) }
        }
        submitted = []
    }

    /// Says what became of a request.
    func finish(_ tag: Int, _ result: Int) {
        results.append((tag, result))
        event.signal()
    }

    func takeCompletions(_ body: (_ tag: Int, _ result: Int) -> Void) {
        event.drain()
        while !results.isEmpty {
            let (tag, result) = results.removeFirst()
            underWay[tag] = nil
            body(tag, result)
        }
    }

    /// Whoever waits gets what is under way done.
    func waitForCompletion() {
        start()
        if results.isEmpty, let tag = underWay.keys.min() { finish(tag, 0) }
    }
}
