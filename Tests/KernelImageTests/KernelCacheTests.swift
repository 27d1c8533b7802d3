import Foundation
import Host
import SystemPackage
import Testing

@testable import KernelImage

@Suite struct KernelCacheTests {
    private let directory: TemporaryDirectory
    private var cache: KernelCache { KernelCache(root: FilePath(directory.path + "/a/b")) }

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func open(_ path: String, _ cache: KernelCache?) throws -> (contents: [UInt8], problem: String?) {
        let image = try KernelImage(opening: FilePath(path), cache: cache)
        return (try image.descriptor.descriptor.bytes(count: 1 << 20, at: 0), image.cacheProblem)
    }

    @Test func aChangedKernelIsUnpackedAgain() throws {
        var kernel = Fixtures.elf()
        let path = try directory.write("kernel", Fixtures.bzImage(of: kernel, .gzip))
        #expect(try open(path, cache).contents == kernel)
        kernel[0x4000] ^= 0xff
        try directory.write("kernel", Fixtures.bzImage(of: kernel, .gzip))
        #expect(try open(path, cache).contents == kernel)
    }

    @Test func whatIsDamagedInTheCacheIsReplaced() throws {
        let kernel = Fixtures.elf()
        let path = try directory.write("kernel", Fixtures.bzImage(of: kernel, .gzip))
        _ = try open(path, cache)
        let name = try #require(try cache.directory.directoryEntries().first)
        for damage in [[UInt8](), [UInt8](repeating: 0, count: kernel.count)] {
            try Data(damage).write(to: URL(fileURLWithPath: cache.directory.appending(name).string))
            #expect(try open(path, cache).contents == kernel)
            #expect(try open(path, cache).contents == kernel)
        }
    }

    @Test func withoutACacheTheKernelIsInMemory() throws {
        let kernel = Fixtures.elf()
        let path = try directory.write("kernel", Fixtures.bzImage(of: kernel, .lz4))
        let image = try KernelImage(opening: FilePath(path), cache: nil)
        #expect(try image.descriptor.descriptor.bytes(count: 1 << 20, at: 0) == kernel)
        #expect(image.cacheProblem == nil)
        // Sealed: the process that gets it can't change it.
        #expect(throws: SystemCallError("write", .notPermitted)) {
            try image.descriptor.descriptor.write(all: [1])
        }
    }

    @Test func aCacheThatCannotBeWrittenToIsAProblemAndNoError() throws {
        let kernel = Fixtures.elf()
        let path = try directory.write("kernel", Fixtures.bzImage(of: kernel, .zstd))
        let blocked = KernelCache(root: FilePath(path))
        let (contents, problem) = try open(path, blocked)
        #expect(contents == kernel)
        #expect(problem == "mkdir \(path)/kernels: Not a directory")
    }

    @Test(.enabled(if: geteuid() == 0, "mounting a small file system needs root"))
    func aFullDiskIsAProblemAndNoError() throws {
        let kernel = Fixtures.elf(size: 1 << 20)
        let path = try directory.write("kernel", Fixtures.bzImage(of: kernel, .gzip))
        let disk = directory.path + "/disk"
        #expect(mkdir(disk, 0o700) == 0)
        let mounted = mount("none", disk, "tmpfs", 0, "size=64k")
        try #require(mounted == 0, "tmpfs can't be mounted")
        defer { umount(disk) }
        let cache = KernelCache(root: FilePath(disk))
        let (contents, problem) = try open(path, cache)
        #expect(contents == kernel)
        #expect(problem == "write: No space left on device")
        #expect(try cache.directory.directoryEntries() == [])
    }

    @Test func onlyTheNewestKernelsAreKept() throws {
        let cache = cache
        for number in 0..<12 {
            let path = try directory.write("kernel\(number)", Fixtures.bzImage(of: Fixtures.elf(), .gzip))
            _ = try open(path, cache)
            for name in try cache.directory.directoryEntries() {
                // As if each were a minute older than the next.
                let file = cache.directory.appending(name).string
                let attributes = try FileManager.default.attributesOfItem(atPath: file)
                let date = try #require(attributes[.modificationDate] as? Date)
                try FileManager.default.setAttributes(
                    [.modificationDate: date.addingTimeInterval(-60)], ofItemAtPath: file)
            }
        }
        #expect(try cache.directory.directoryEntries().count == KernelCache.capacity)
    }

    @Test func abandonedFilesAreRemovedAndOthersLeft() throws {
        let cache = cache
        try cache.directory.createDirectories()
        for (name, age) in [(".unpacking-old", -4000.0), (".unpacking-new", -10), ("kernel", -4000)] {
            let file = cache.directory.appending(name).string
            try Data([1]).write(to: URL(fileURLWithPath: file))
            try FileManager.default.setAttributes(
                [.modificationDate: Date().addingTimeInterval(age)], ofItemAtPath: file)
        }
        _ = try open(try directory.write("k", Fixtures.bzImage(of: Fixtures.elf(), .gzip)), cache)
        let left = Set(try cache.directory.directoryEntries())
        #expect(left.count == 3 && left.isSuperset(of: [".unpacking-new", "kernel"]))
    }

    @Test func manyMayUnpackTheSameKernelAtOnce() async throws {
        let kernel = Fixtures.elf(size: 1 << 20)
        let path = try directory.write("kernel", Fixtures.bzImage(of: kernel, .gzip))
        let cache = cache
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let image = try KernelImage(opening: FilePath(path), cache: cache)
                    return try image.descriptor.descriptor.bytes(count: 1 << 20, at: 0) == kernel
                }
            }
            for try await isRight in group {
                #expect(isRight)
            }
        }
        #expect(try cache.directory.directoryEntries().count == 1)
    }
}
