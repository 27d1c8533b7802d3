/// Packets that answer packets of the guest for which there is no connection, or none any more. Few: the guest has to
/// take them before it gets more.
struct VsockRejections {
    private var headers: [VsockHeader] = []
    private var first = 0

    private static let limit = 64

    var isEmpty: Bool { headers.isEmpty }
    var hasRoom: Bool { headers.count < Self.limit }

    mutating func append(_ header: VsockHeader) {
        headers.append(header)
    }

    mutating func removeFirst() -> VsockHeader? {
        guard first < headers.count else { return nil }
        defer {
            first += 1
            if first == headers.count { removeAll() }
        }
        return headers[first]
    }

    mutating func removeAll() {
        headers.removeAll(keepingCapacity: true)
        first = 0
    }
}
