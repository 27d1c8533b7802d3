/// Why a text can't be read, for whoever knows where it stands.
struct ParseFailure: Error {
    let message: String

    init(_ message: String) { self.message = message }
}
