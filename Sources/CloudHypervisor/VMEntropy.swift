import JSON

/// Where a guest's random numbers come from (`RngConfig` of `cloud-hypervisor.yaml`).
struct VMEntropy: Sendable, Equatable {
    /// What the client named; told back to it.
    var source = VMEntropy.kernel

    /// The file that stands for what guests get.
    private static let kernel = "/dev/urandom"

    /// - Parameter notes: receives that another source has no effect.
    init(_ given: Fields, notes: inout [String]) throws(APIError) {
        var fields = given
        source = try fields.required("src", try fields.path("src"))
        if source != Self.kernel {
            notes.append(
                "\(fields.path(of: "src")): random numbers come from the host's kernel, as \(Self.kernel) has them")
        }
        _ = try fields.string("id")
        try fields.ignorePCI()
        try fields.finish()
    }

    init() {}

    var json: JSONValue { ["src": .string(source)] }
}
