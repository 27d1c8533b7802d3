import Host
import SystemPackage
import TestReport

/// The files that a run's reports are.
struct TestReportFiles {
    let directory: FilePath

    /// - Throws: `Refusal` where the directory can't be made.
    init(_ path: String) throws {
        directory = FilePath(path).fromRoot
        do {
            try directory.createDirectories(permissions: [.ownerReadWriteExecute, .groupReadExecute, .otherReadExecute])
        } catch {
            throw Refusal("--report \(path): \(error)")
        }
    }

    /// - Parameter isComplete: whether the run is over; before, only the report that others are made of is kept.
    /// - Throws: `Refusal` where one can't be written, such as on a full disk.
    func write(_ report: TestReport, isComplete: Bool) throws {
        try write(report.jsonText, as: "report.json")
        guard isComplete else { return }
        try write(Array(JUnitReport(report).text.utf8), as: "junit.xml")
        try write(Array(TAPReport(report).text.utf8), as: "report.tap")
        try write(Array(HTMLReport(report).text.utf8), as: "index.html")
    }

    /// Whether a run has left one.
    var hasReport: Bool { (try? Stat(directory.appending("report.json"))) != nil }

    /// Removes what a run before has left: nobody is to take it for this one's.
    func removeReport() { try? directory.appending("report.json").removeFile() }

    /// Keeps the report of a run that runs again, where an emulated host finds it.
    ///
    /// - Throws: `Refusal` where it can't be kept.
    func keep(_ report: TestReport) throws -> FilePath {
        try write(report.jsonText, as: "rerun.json")
        return directory.appending("rerun.json")
    }

    /// Whoever reads meanwhile finds the old one or the new one, and never a part.
    private func write(_ text: [UInt8], as name: String) throws {
        let path = directory.appending(name)
        let draft = directory.appending(".\(name).new")
        do {
            let file = try OwnedFileDescriptor(
                opening: draft, .writeOnly, options: [.create, .truncate],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
            try file.descriptor.write(all: text[...])
            try draft.renameFile(to: path)
        } catch {
            try? draft.removeFile()
            throw Refusal("\(path): \(error)")
        }
    }
}
