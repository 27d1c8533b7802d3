import JSON
import QMPProtocol

/// The arguments of a command, taken out one by one; what nobody takes is a mistake.
struct QMPArguments {
    private var members: [JSONValue.Member]

    init(_ members: [JSONValue.Member]) {
        self.members = members
    }

    /// Takes an argument that must be there.
    mutating func take<Value>(
        _ name: String, _ type: String, _ convert: (JSONValue) -> Value?
    ) throws(QMPError) -> Value {
        guard let value = try takeOptional(name, type, convert) else {
            throw QMPError("Parameter '\(name)' is missing")
        }
        return value
    }

    /// Takes an argument that may be left out.
    mutating func takeOptional<Value>(
        _ name: String, _ type: String, _ convert: (JSONValue) -> Value?
    ) throws(QMPError) -> Value? {
        guard let index = members.firstIndex(where: { $0.name == name }) else { return nil }
        guard let value = convert(members.remove(at: index).value) else {
            throw QMPError("Invalid parameter type for '\(name)', expected: \(type)")
        }
        return value
    }

    mutating func takeString(_ name: String) throws(QMPError) -> String {
        try take(name, "string") { $0.string }
    }

    /// To be called when all are taken.
    func finish() throws(QMPError) {
        if let odd = members.first { throw QMPError("Parameter '\(odd.name)' is unexpected") }
    }
}
