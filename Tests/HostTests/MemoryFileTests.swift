import Foundation
@testable import Host
import SystemPackage
import Testing

@Suite struct MemoryFileTests {
    private let directory: FilePath

    init() throws {
        directory = FilePath("/tmp/swiftlet-files-\(UUID().uuidString)")
        try FileManager.default.createDirectory(atPath: directory.string, withIntermediateDirectories: false)
    }

    private func clean() {
        try? FileManager.default.removeItem(atPath: directory.string)
    }

    private func reason(_ path: FilePath, hugePageSize: UInt64? = nil) -> MemoryFileError? {
        do throws(MemoryFileError) {
            _ = try MemoryFile.open(path, hugePageSize: hugePageSize)
            return nil
        } catch {
            return error
        }
    }

    @Test func aDirectoryHoldsAFileWithoutAName() throws {
        defer { clean() }
        let file = try MemoryFile(MemoryFile.open(directory), size: 1 << 30)
        #expect(try directory.directoryEntries() == [])
        #expect(try file.descriptor.stat().size == 1 << 30)
        #expect(try file.descriptor.stat().blocksAllocated == 0)
    }

    @Test func aFileIsCreatedAndEmptiedInTheEnd() throws {
        defer { clean() }
        let path = directory.appending("a, b")
        do {
            let file = try MemoryFile(MemoryFile.open(path), size: 1 << 20)
            let mapping = try MemoryMapping(1 << 20, MemoryBacking(file: file, isShared: true))
            mapping.base.storeBytes(of: 7, as: UInt8.self)
            #expect(try Stat(path).size == 1 << 20)
            #expect(try Stat(path).permissions == [.ownerReadWrite])
            // Meanwhile it is nobody else's.
            #expect(reason(path) == .holdsData)
            try mapping.discard(0..<1 << 20)
            #expect(reason(path) == .inUse)
        }
        #expect(try Stat(path).size == 0)
        #expect(reason(path) == nil)
    }

    @Test func aFileOfHolesIsAsGoodAsAnEmptyOne() throws {
        defer { clean() }
        let path = directory.appending("holes")
        try Data().write(to: URL(fileURLWithPath: path.string))
        #expect(truncate(path.string, 1 << 20) == 0)
        let file = try MemoryFile(MemoryFile.open(path), size: 2 << 20)
        #expect(file.size == 2 << 20 && file.pageSize == 4096)
    }

    @Test func aFileThatHoldsDataKeepsIt() throws {
        defer { clean() }
        let path = directory.appending("data")
        for text in ["x", String(repeating: "text", count: 5000)] {
            try text.write(toFile: path.string, atomically: false, encoding: .utf8)
            #expect(reason(path) == .holdsData)
            #expect(try String(contentsOfFile: path.string, encoding: .utf8) == text)
        }
    }

    @Test func whatIsNoFileIsRefused() throws {
        defer { clean() }
        #expect(reason("/dev/zero") == .notRegular)
        #expect(
            reason(directory.appending("no/file"))
                == .host(
                    SystemCallError("open", .noSuchFileOrDirectory, subject: directory.appending("no/file").string)))
        let pipe = directory.appending("pipe")
        #expect(mkfifo(pipe.string, 0o600) == 0)
        #expect(reason(pipe) != nil)
        #expect(reason("/proc") == .noUnnamedFiles)
        #expect(reason(directory, hugePageSize: 2 << 20) == .noMountOfHugePages)
    }

    /// Whoever is given a file in memory can't take memory from under a mapping, and keeps nothing of the guest.
    @Test func theSizeOfAFileInMemoryStays() throws {
        defer { clean() }
        var file: MemoryFile? = try MemoryFile(inMemory: "test", size: 1 << 20)
        let other = dup(try #require(file).descriptor.rawValue)
        defer { close(other) }
        #expect(pwrite(other, "guest", 5, 4096) == 5)
        for size in [0, 4096, 2 << 20] {
            #expect(ftruncate(other, size) == -1 && errno == EPERM)
        }
        file = nil
        var state = stat()
        #expect(fstat(other, &state) == 0 && state.st_size == 1 << 20 && state.st_blocks == 0)
    }

    @Test func hugePagesThatTheHostLacksAreAnError() {
        defer { clean() }
        let error = #expect(throws: MemoryFileError.self) {
            _ = try MemoryFile(inMemory: "test", size: 1 << 40, hugePageSize: 1 << 40)
        }
        guard case .noHugePages = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func rangesAreJoinedAndCut() {
        defer { clean() }
        var random = SystemRandomNumberGenerator()
        var set = RangeSet()
        var model = Set<UInt64>()
        for _ in 0..<3000 {
            let start = UInt64.random(in: 0..<60, using: &random)
            let range = start..<start + .random(in: 0..<8, using: &random)
            if Bool.random(using: &random) {
                set.insert(range)
                model.formUnion(range)
            } else {
                set.remove(range)
                model.subtract(range)
            }
            #expect(Set(set.ranges.joined()) == model)
            for (left, right) in zip(set.ranges, set.ranges.dropFirst()) {
                #expect(left.upperBound < right.lowerBound)
            }
            #expect(set.ranges.allSatisfy { !$0.isEmpty })
            #expect(Set(set.intersection(10..<30).joined()) == model.filter { (10..<30).contains($0) })
        }
    }
}
