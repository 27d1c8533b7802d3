import TestReport
import Testing

@testable import ScenarioRunner

/// What the threads of a case share.
struct CaseStateTests {
    private func outputs(_ state: CaseState) -> [String] {
        let report = CaseReport(scenario: "x", about: "", file: "x", matrix: [], seed: 1, begun: 0, devices: [])
        var complete = report
        state.complete(&complete)
        return complete.steps.map(\.output)
    }

    @Test func theLastOutputOfAStepIsKept() {
        let state = CaseState()
        for number in ["1", "2"] { state.begin(StepReport(number: number, text: "", line: 1)) }
        // Many times, as a step does that waits.
        for count in 0..<1000 { state.note(output: String(repeating: "x", count: 3000) + "\(count)", of: "1") }
        state.note(output: String(repeating: "y", count: 5000) + "end", of: "2")
        let found = outputs(state)
        #expect(found[0].hasSuffix("x999"))
        #expect(found[1].hasSuffix("yend") && found[1].count == 4000)
    }

    @Test func allOutputsHaveALimit() {
        let state = CaseState()
        for number in 0..<1000 {
            state.begin(StepReport(number: "\(number)", text: "", line: 1))
            state.note(output: String(repeating: "x", count: 4000), of: "\(number)")
        }
        let sizes = outputs(state).map(\.count)
        #expect(sizes.reduce(0, +) <= 1 << 18 && sizes.first == 4000 && sizes.last == 0)
    }

    @Test func theFirstFailureCounts() {
        let state = CaseState()
        #expect(state.claim(CaseFailure(.check, "first", at: 1)) && !state.claim(CaseFailure(.host, "second", at: 2)))
        #expect(state.failure?.message == "first" && state.areStepsOver)
        for (number, outcome) in [("1", StepReport.Outcome.interrupted), ("2.1", .failed)] {
            state.begin(StepReport(number: number, text: "", line: 1))
            state.end(number, outcome)
        }
        #expect(
            state.hasFailedStep(within: "2") && !state.hasFailedStep(within: "1") && !state.hasFailedStep(within: "2.1")
        )
    }
}
