/// What the host or the start of a machine refuses, though the options are right: the process ends with status 1.
struct Refusal: Error {
    /// What is wrong and, where there is one, the command that mends it.
    let message: String

    init(_ message: String) {
        self.message = message
    }
}
