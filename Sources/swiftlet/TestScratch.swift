import Host
import SystemPackage

/// A directory of the run's own, for what its machines need, which nobody else can have made.
struct TestScratch {
    let directory: FilePath

    /// - Throws: `Refusal` where it can't be made.
    init() throws {
        // Sockets' paths are short: where reports go may be too deep.
        let base = FilePath(environmentVariable("TMPDIR") ?? "/tmp")
        do throws(SystemCallError) {
            directory = try .makeTemporaryDirectory("swiftlet-test", in: base)
        } catch {
            throw Refusal("\(base): \(error.errno)")
        }
    }

    /// Removes it, with what a run that broke off has left in it.
    func remove() {
        for name in (try? directory.directoryEntries()) ?? [] {
            try? directory.appending(name).removeDirectoryWithFiles()
        }
        try? directory.removeDirectory()
    }
}
