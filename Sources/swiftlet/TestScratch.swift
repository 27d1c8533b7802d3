import Glibc
import Host
import SystemPackage

/// A directory of the run's own, for what its machines need, which nobody else can have made.
struct TestScratch {
    let directory: FilePath

    /// - Throws: `Refusal` where it can't be made.
    init() throws {
        // Sockets' paths are short: where reports go may be too deep.
        let base = environmentVariable("TMPDIR") ?? "/tmp"
        var name = Array((FilePath(base).appending("swiftlet-test-XXXXXX").string + "\0").utf8CString)
        guard unsafe mkdtemp(&name) != nil else {
            throw Refusal("\(base): \(Errno(rawValue: errno))")
        }
        directory = FilePath(String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    /// Removes it, with what a run that broke off has left in it.
    func remove() {
        for name in (try? directory.directoryEntries()) ?? [] {
            let inner = directory.appending(name)
            for name in (try? inner.directoryEntries()) ?? [] { try? inner.appending(name).removeFile() }
            try? inner.removeDirectory()
        }
        try? directory.removeDirectory()
    }
}
