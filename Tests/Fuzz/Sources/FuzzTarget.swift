/// Something that takes any input there can be. The same input always makes it do the same.
protocol FuzzTarget: AnyObject {
    func run(_ input: inout InputReader)
}

/// Ends the process, which makes the present input a find, unless something is as it must be.
func require(_ condition: Bool, _ rule: @autoclosure () -> String) {
    if !condition { fatalError("broken rule: \(rule())") }
}

/// What can't fail unless this program, or the host, is at fault.
func demand<Result>(_ what: String, _ body: () throws -> Result) -> Result {
    do {
        return try body()
    } catch {
        fatalError("\(what): \(error)")
    }
}
