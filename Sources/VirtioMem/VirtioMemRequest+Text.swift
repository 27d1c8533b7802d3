/// Requests and responses in words, for people.
extension VirtioMemRequest {
    public var text: String {
        switch self {
        case .plug(let range): "plug \(range.text)"
        case .unplug(let range): "unplug \(range.text)"
        case .unplugAll: "unplug all"
        case .state(let range): "state of \(range.text)"
        case .unknown(let type): "type \(type)"
        }
    }
}

extension VirtioMemResponse {
    public var text: String {
        switch self {
        case .acknowledge: "done"
        case .state(.plugged): "plugged"
        case .state(.unplugged): "unplugged"
        case .state(.mixed): "mixed"
        case .negativeAcknowledge: "more than requested"
        case .busy: "busy"
        case .error: "wrong"
        }
    }
}

extension VirtioMemBlockRange {
    fileprivate var text: String {
        "\(count) block\(count == 1 ? "" : "s") at 0x\(String(address.rawValue, radix: 16))"
    }
}

extension RequestActivity {
    /// The kinds of requests that came, with what became of them: `plug 8 (8 done)`.
    public var text: String {
        let kinds = [
            ("plug", plug), ("unplug", unplug), ("unplug all", unplugAll), ("state", state), ("unknown", unknown),
        ]
        let parts = kinds.filter { $0.1.total > 0 }.map { name, count in "\(name) \(count.text)" }
        return parts.isEmpty ? "none" : parts.joined(separator: ", ")
    }
}

extension RequestActivity.Count {
    fileprivate var text: String {
        let parts = [
            (acknowledged, VirtioMemResponse.acknowledge), (rejected, .negativeAcknowledge), (busy, .busy),
            (wrong, .error),
        ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1.text)" }
        return "\(total) (\(parts.joined(separator: ", ")))"
    }
}
