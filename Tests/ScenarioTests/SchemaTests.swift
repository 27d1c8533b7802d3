import JSON
import Testing

@testable import Scenario

/// The schema that editors use knows what the parser knows.
struct SchemaTests {
    private let schema: JSONValue

    init() throws {
        schema = try JSONParser.parse(Array(ScenarioSchema.text.utf8)[...])
    }

    private func members(_ value: JSONValue?) -> [String] {
        guard case .object(let members) = value else { return [] }
        return members.map(\.name)
    }

    @Test func itHasEveryKindOfStep() throws {
        guard case .array(let choices) = schema["$defs"]?["step"]?["oneOf"] else { return #expect(Bool(false)) }
        let kinds = choices.compactMap { choice -> String? in
            guard case .array(let required) = choice["required"] else { return nil }
            return required.first?.string
        }
        #expect(Set(kinds) == Set(StepParser.kinds))
    }

    @Test func itHasEveryKeyOfAScenario() {
        #expect(Set(members(schema["properties"])) == Set(ScenarioParser.keys))
    }

    @Test func itHasEveryWorkloadAndEveryFailure() throws {
        for kind in Workload.Kind.allCases { #expect(ScenarioSchema.text.contains("\"\(kind.rawValue)\"")) }
        for online in GuestChoice.Onlining.allCases { #expect(ScenarioSchema.text.contains("\"\(online.rawValue)\"")) }
    }
}
