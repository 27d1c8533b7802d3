import SystemPackage

/// What all cases of a run have in common.
public struct RunContext: Sendable {
    /// swiftlet itself.
    let program: FilePath
    /// Where guests are, as GuestImages/build makes them.
    let cache: FilePath
    let interruption: Interruption

    public init(program: FilePath, cache: FilePath, interruption: Interruption) {
        self.program = program
        self.cache = cache
        self.interruption = interruption
    }
}
