/// Why a test can't go on; what the process wrote is added where the test ends.
struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
