/// Gathers what is wrong with a file while the rest of it is read.
final class Mistakes {
    private var errors: [ScenarioError] = []

    var hasAny: Bool { !errors.isEmpty }

    /// - Returns: nil where something is wrong.
    @discardableResult
    func gather<Value>(_ body: () throws(ScenarioError) -> Value) -> Value? {
        do throws(ScenarioError) {
            return try body()
        } catch {
            note(error)
            return nil
        }
    }

    /// The first mistake of a line counts: what else is wrong there, such as the same in another case, follows from it.
    func note(_ error: ScenarioError) {
        if !errors.contains(where: { $0.line == error.line }) { errors.append(error) }
    }

    /// - Throws: what was gathered.
    func check() throws(ScenarioErrors) {
        guard errors.isEmpty else { throw ScenarioErrors(errors.sorted { $0.line < $1.line }) }
    }
}
