import Testing

@testable import Scenario

/// Reads a scenario's text.
func parse(_ text: String, values: [String: String] = [:]) throws -> ScenarioFile {
    try ScenarioFile(parsing: Array(text.utf8), path: "test.yaml", values: values)
}

/// The only case of a scenario whose machine has two devices, vm0 and vm1.
func parseSteps(_ steps: String, more: String = "") throws -> Scenario {
    let text = """
        machine:
          memory: 512M
          virtio-mem: ["id=vm0,size=1G", {id: vm1, size: 2G}]
        \(more)
        steps:
        \(steps)
        """
    let cases = try parse(text).cases
    #expect(cases.count == 1)
    return try #require(cases.first).scenario
}

/// The first mistake that something tells.
func mistake<Value>(_ body: () throws -> Value) throws -> ScenarioError {
    try #require(try #require(throws: ScenarioErrors.self) { try body() }.errors.first)
}
