import Control
import Host
import Scenario
import SystemPackage
import TestReport

/// The cases that a run is made of.
public struct ScenarioSuite: Sendable {
    /// A case with where it comes from.
    public struct Item: Sendable {
        public let file: String
        public let test: ScenarioCase
        /// What its random steps are drawn from.
        public let seed: UInt64

        /// As `CaseReport.title`.
        public var title: String { CaseReport(self).title }
    }

    public private(set) var items: [Item] = []

    private static let sizeLimit = 1 << 20

    /// Reads files, and what is in directories and in those in them, by the order of their names.
    ///
    /// - Parameter problem: says what is wrong with a machine.
    /// - Throws: `ScenarioErrors` with all that is wrong in any of the files, `RunnerError` for what can't be read.
    public init(
        paths: [String], seed: UInt64, problem: @escaping ScenarioFile.MachineCheck = { _ in nil }
    ) throws {
        var errors: [ScenarioError] = []
        for file in try paths.flatMap(Self.files) {
            do {
                for test in try Self.read(file, problem).cases {
                    let title = Item(file: file, test: test, seed: 0).title
                    items.append(Item(file: file, test: test, seed: Self.seed(seed, title)))
                }
            } catch let wrong as ScenarioErrors {
                errors += wrong.errors
            }
        }
        guard errors.isEmpty else { throw ScenarioErrors(errors) }
        let titles = Dictionary(grouping: items, by: \.title)
        if let twice = titles.values.first(where: { $0.count > 1 }) {
            throw RunnerError("\(twice[0].title) is there twice: in \(twice[0].file) and \(twice[1].file)")
        }
    }

    /// The cases of a run that failed or were not run, as they were.
    ///
    /// - Throws: `RunnerError` where one isn't there any more.
    public init(rerunning report: TestReport) throws {
        var files: [String: ScenarioFile] = [:]
        for old in report.cases {
            guard old.outcome != .passed else { continue }
            let file = try files[old.file] ?? Self.read(old.file)
            files[old.file] = file
            guard
                let test = file.cases.first(where: { test in
                    test.scenario.name == old.scenario && test.settings.map { .init($0.name, $0.value) } == old.matrix
                })
            else { throw RunnerError("\(old.title) is not in \(old.file) any more") }
            items.append(Item(file: old.file, test: test, seed: old.seed))
        }
    }

    /// Keeps those whose titles have one of some texts in them, and that have one of some tags; empty lists choose all.
    public mutating func choose(titles: [String], tags: [String]) {
        items.removeAll { item in
            let isTitled = titles.isEmpty || titles.contains { item.title.contains($0) }
            let isTagged = tags.isEmpty || tags.contains { item.test.scenario.tags.contains($0) }
            return !(isTitled && isTagged)
        }
    }

    /// Leaves out what a run has done already.
    public mutating func leaveOut(_ report: TestReport) {
        let done = Set(report.cases.map(\.title))
        items.removeAll { done.contains($0.title) }
    }

    /// A seed of its own for each case, whichever others run (FNV-1a of the title).
    private static func seed(_ seed: UInt64, _ title: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in title.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        var random = SeededRandom(seed: seed ^ hash)
        // As people can type it, and JSON's readers can keep it.
        return random.next() >> 16
    }

    private static func read(
        _ path: String, _ problem: @escaping ScenarioFile.MachineCheck = { _ in nil }
    ) throws -> ScenarioFile {
        var text: [UInt8] = []
        do {
            let file = try OwnedFileDescriptor(opening: FilePath(path), .readOnly)
            while text.count <= sizeLimit {
                let piece = try ByteStream.readPiece(file.descriptor, limit: 1 << 16)
                guard !piece.isEmpty else { break }
                text += piece
            }
        } catch {
            throw RunnerError("\(path): \(error)")
        }
        guard text.count <= sizeLimit else { throw RunnerError("\(path): no scenario has more than a megabyte") }
        let directory = FilePath(path).removingLastComponent()
        return try ScenarioFile(
            parsing: text, path: path,
            values: ["directory": directory.isEmpty ? "." : directory.string, "scratch": ScratchDisks.place],
            problem: problem)
    }

    private static func files(_ path: String) throws -> [String] {
        let status: Stat
        do {
            status = try Stat(FilePath(path))
        } catch {
            throw RunnerError("\(path): \(error)")
        }
        guard status.type == .directory else { return [path] }
        let names: [String]
        do {
            names = try FilePath(path).directoryEntries().sorted()
        } catch {
            throw RunnerError("\(path): \(error)")
        }
        return try names.flatMap { name -> [String] in
            let inner = FilePath(path).appending(name)
            if (try? Stat(inner))?.type == .directory { return try files(inner.string) }
            return [".yaml", ".yml"].contains(where: name.hasSuffix) ? [inner.string] : []
        }
    }
}
