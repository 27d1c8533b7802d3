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

    /// The only kernel in the cache.
    private func kept() throws -> FilePath {
        let kernels = try cache.kernels()
        #expect(kernels.count == 1)
        return try #require(kernels.first)
    }

    @Test func whatIsDamagedInTheCacheIsReplaced() throws {
        let kernel = Fixtures.elf()
        let path = try directory.write("kernel", Fixtures.bzImage(of: kernel, .gzip))
        _ = try open(path, cache)
        for damage in [[UInt8](), [UInt8](repeating: 0, count: kernel.count)] {
            let file = try kept().string
            #expect(chmod(file, 0o600) == 0)
            try Data(damage).write(to: URL(fileURLWithPath: file))
            #expect(try open(path, cache).contents == kernel)
            #expect(try open(path, cache).contents == kernel)
        }
    }

    /// Also where it looks as before: with the same size and modification time.
    @Test func aKernelThatWasChangedInPlaceIsNotUsed() throws {
        let kernel = Fixtures.elf()
        let path = try directory.write("kernel", Fixtures.bzImage(of: kernel, .gzip))
        _ = try open(path, cache)
        let file = try kept().string
        let before = try Stat(try kept())
        #expect(chmod(file, 0o600) == 0)
        var changed = kernel
        changed[0x4000] ^= 0x66
        try Data(changed).write(to: URL(fileURLWithPath: file))
        #expect(chmod(file, 0o400) == 0)
        var times = [before.st_atim, before.st_mtim]
        #expect(utimensat(AT_FDCWD, file, &times, 0) == 0)
        #expect(try open(path, cache).contents == kernel)
    }

    @Test func aKernelWithoutItsSealIsNotUsed() throws {
        let kernel = Fixtures.elf()
        let path = try directory.write("kernel", Fixtures.bzImage(of: kernel, .gzip))
        _ = try open(path, cache)
        var seal = try kept()
        seal.removeLastComponent()
        try seal.appending("seal").removeFile()
        let inode = try Stat(try kept()).inode
        #expect(try open(path, cache).contents == kernel)
        #expect(try Stat(try kept()).inode != inode)
    }

    /// Zeroes are found when a kernel is unpacked, and known from then on.
    @Test func zeroesAreLeftOut() throws {
        let segments = [
            Fixtures.Segment(offset: 0x1000, fileSize: 0x2000, address: 0x100_0000, memorySize: 0x2000),
            Fixtures.Segment(offset: 0x3000, fileSize: 0x30_0000, address: 0x110_0000, memorySize: 0x30_1000),
        ]
        var kernel = Fixtures.elf(segments, size: 0x30_3000)
        kernel.replaceSubrange(0x10_3000..<0x30_2000, with: repeatElement(0, count: 0x1F_F000))
        let path = try directory.write("kernel", Fixtures.bzImage(of: kernel, .gzip))
        let expected = [
            segments[0],
            Fixtures.Segment(offset: 0x3000, fileSize: 0x10_0000, address: 0x110_0000, memorySize: 0x2F_F000),
            Fixtures.Segment(offset: 0x30_2000, fileSize: 0x1000, address: 0x13F_F000, memorySize: 0x2000),
        ]
        for cache in [cache, cache, nil] {
            let image = try KernelImage(opening: FilePath(path), cache: cache)
            #expect(
                image.layout.segments
                    == expected.map {
                        .init(
                            fileOffset: $0.offset, fileSize: $0.fileSize, address: $0.address,
                            memorySize: $0.memorySize)
                    })
        }
    }

    @Test(arguments: ["x", "1", "2-1", "0-4096 4095-4096", "0-99999999999", "0-4096"])
    func aSealThatMakesNoSenseIsNone(zeroes: String) throws {
        let kernel = Fixtures.elf()
        let path = try directory.write("kernel", Fixtures.bzImage(of: kernel, .gzip))
        _ = try open(path, cache)
        let inode = try Stat(try kept()).inode
        let seal = try kept().removingLastComponent().appending("seal").string
        let line = try String(contentsOfFile: seal, encoding: .utf8).split(separator: "\n")[0]
        #expect(chmod(seal, 0o600) == 0)
        try Data("\(line)\n\(zeroes)\n".utf8).write(to: URL(fileURLWithPath: seal))
        #expect(try open(path, cache).contents == kernel)
        #expect((try Stat(try kept()).inode == inode) == (zeroes == "0-4096"))
    }

    @Test func copiesOfAKernelHaveOneUnpackedKernel() throws {
        let kernel = Fixtures.elf()
        var image = try Fixtures.bzImage(of: kernel, .gzip)
        _ = try open(try directory.write("kernel", image), cache)
        let inode = try Stat(try kept()).inode
        // What does not belong to the compressed data may differ: a signature, for example.
        image.append(7)
        let copy = try directory.write("copy", image)
        for _ in 0..<2 {
            let opened = try KernelImage(opening: FilePath(copy), cache: cache)
            #expect(try opened.descriptor.descriptor.stat().inode == inode)
        }
        #expect(try cache.linkCount() == 2)
    }

    @Test func whatOthersMayWriteToIsNotUsed() throws {
        let kernel = Fixtures.elf()
        let path = try directory.write("kernel", Fixtures.bzImage(of: kernel, .gzip))
        _ = try open(path, cache)
        let file = try kept().string
        let inode = try Stat(try kept()).inode
        #expect(chmod(file, 0o420) == 0)
        #expect(try open(path, cache).contents == kernel)
        #expect(try Stat(try kept()).inode != inode)
        #expect(chmod(cache.directory.string, 0o702) == 0)
        let (contents, problem) = try open(path, cache)
        #expect(contents == kernel)
        #expect(problem == "other users may write to \(cache.directory) (chmod go-w mends that)")
    }

    @Test(.enabled(if: geteuid() == 0, "giving a file to another user needs root"))
    func whatIsAnotherUsersIsNotUsed() throws {
        let kernel = Fixtures.elf()
        let path = try directory.write("kernel", Fixtures.bzImage(of: kernel, .gzip))
        _ = try open(path, cache)
        #expect(chown(cache.directory.string, 65534, 65534) == 0)
        #expect(try open(path, cache).problem == "\(cache.directory) belongs to another user")
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
        var kernel = Fixtures.elf()
        for number in 0..<12 {
            kernel[0x4000] = UInt8(number)
            _ = try open(
                try directory.write("kernel\(number)", Fixtures.bzImage(of: kernel, .gzip)), cache)
            for kernel in try cache.kernels() {
                // As if each were a minute older than the next.
                let place = kernel.removingLastComponent().string
                let attributes = try FileManager.default.attributesOfItem(atPath: place)
                let date = try #require(attributes[.modificationDate] as? Date)
                try FileManager.default.setAttributes(
                    [.modificationDate: date.addingTimeInterval(-60)], ofItemAtPath: place)
            }
        }
        #expect(try cache.kernels().count == KernelCache.capacity)
        #expect(try cache.linkCount() == KernelCache.capacity)
    }

    @Test func abandonedFilesAreRemovedAndOthersLeft() throws {
        let cache = cache
        try cache.directory.createDirectories()
        for (name, age) in [(".unpacking-old", -4000.0), (".unpacking-new", -10), ("kernel", -4000)] {
            let place = cache.directory.appending(name)
            try place.createDirectories()
            try Data([1]).write(to: URL(fileURLWithPath: place.appending("vmlinux").string))
            try FileManager.default.setAttributes(
                [.modificationDate: Date().addingTimeInterval(age)], ofItemAtPath: place.string)
        }
        _ = try open(try directory.write("k", Fixtures.bzImage(of: Fixtures.elf(), .gzip)), cache)
        let left = Set(try cache.directory.directoryEntries())
        #expect(left.count == 4 && left.isSuperset(of: [".unpacking-new", "kernel"]))
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
                        && image.cacheProblem == nil
                }
            }
            for try await isRight in group {
                #expect(isRight)
            }
        }
        #expect(try cache.kernels().count == 1)
        #expect(try cache.directory.directoryEntries().count == 2)
    }
}
