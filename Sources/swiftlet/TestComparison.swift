import ArgumentParser
import Host
import SystemPackage
import TestReport

/// `swiftlet test --compare BEFORE.json AFTER.json`.
struct TestComparison {
    private let before: TestReport
    private let after: TestReport

    /// - Throws: `Refusal` where one can't be read.
    init(_ paths: [String]) throws {
        guard paths.count == 2 else { throw ValidationError("--compare: give two reports, the older one first") }
        before = try TestReport(at: paths[0], option: "--compare")
        after = try TestReport(at: paths[1], option: "--compare")
    }

    func perform() throws {
        let comparison = ReportComparison(before: before, after: after)
        show(comparison.text)
        if comparison.isWorse { throw ExitCode.failure }
    }
}

extension TestReport {
    /// - Parameter option: the option that names it, for messages.
    /// - Throws: `Refusal` where it can't be read.
    init(at path: String, option: String) throws {
        let file = try RegularFile(opening: FilePath(path), option: option)
        defer { try? file.descriptor.close() }
        do throws(TestReportError) {
            var text: [UInt8] = []
            while let piece = try? ByteStream.readPiece(file.descriptor, limit: 1 << 20), !piece.isEmpty {
                text += piece
            }
            self = try TestReport(parsing: text)
        } catch {
            throw Refusal("\(option) \(path): \(error)")
        }
    }
}
