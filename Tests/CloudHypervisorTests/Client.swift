import JSON

@testable import CloudHypervisor

/// A client of the API, and the world behind it.
struct Client {
    let host = FakeHost()
    let manager: VMManager<FakeHost>

    init() { manager = VMManager(host: host) }

    /// A VM with nothing but what must be said.
    static let plain = #"{"payload": {"kernel": "/boot/vmlinux"}}"#

    /// Sends a request and returns the answer.
    @discardableResult
    func callAsFunction(
        _ method: String, _ name: String, _ body: String = "", passing descriptors: [any PassedDescriptor] = []
    ) -> APIResponse {
        manager.answer(
            APIRequest(
                method: method, target: "/api/v1/\(name)", body: Array(body.utf8), descriptors: descriptors))
    }

    /// Sends a request that changes something; returns the status.
    @discardableResult
    func put(_ name: String, _ body: String = "") -> Int { self("PUT", name, body).status.rawValue }

    var info: JSONValue? { self("GET", "vm.info").json }

    /// What `vm.create` says to a configuration: nil where it is accepted.
    static func refusal(_ body: String) -> String? { Client()("PUT", "vm.create", body).message }

    /// Brings the VM to a state.
    func bring(to state: VMStateName) {
        put("vm.delete")
        guard state != .absent else { return }
        put("vm.create", Self.plain)
        guard state != .created else { return }
        put("vm.boot")
        if state == .paused { put("vm.pause") }
        if state == .shutDown { put("vm.shutdown") }
    }
}

extension APIResponse {
    var json: JSONValue? { body.flatMap { try? JSONParser.parse($0[...]) } }

    /// The messages of a refusal, one after the other; nil for what is none.
    var message: String? {
        guard status.rawValue >= 400, case .array(let messages)? = json else { return nil }
        return messages.map { $0.string ?? "?" }.joined(separator: "; ")
    }
}
