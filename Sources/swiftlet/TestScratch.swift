import Glibc
import Host
import SystemPackage

/// A directory of the run's own, for what its machines need.
struct TestScratch {
    let directory: FilePath

    /// - Throws: `Refusal` where it can't be made.
    init() throws {
        // Sockets' paths are short: where reports go may be too deep.
        let base = environmentVariable("TMPDIR") ?? "/tmp"
        directory = FilePath(base).appending("swiftlet-test-\(getpid())")
        do {
            try directory.createDirectories()
        } catch {
            throw Refusal("\(directory): \(error)")
        }
    }

    func remove() { try? directory.removeDirectory() }
}
