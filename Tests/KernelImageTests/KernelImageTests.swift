import Decompression
import Foundation
import Host
import KernelLayout
import SystemPackage
import Testing

@testable import KernelImage

@Suite struct KernelImageTests {
    private let directory: TemporaryDirectory
    private var cache: KernelCache { KernelCache(root: FilePath(directory.path + "/cache")) }

    private static let layout = KernelLayout(
        entry: 0x100_0010,
        segments: Fixtures.segments.map {
            .init(fileOffset: $0.offset, fileSize: $0.fileSize, address: $0.address, memorySize: $0.memorySize)
        })

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// What a kernel's descriptor holds.
    private func contents(_ image: borrowing KernelImage) throws -> [UInt8] {
        try image.descriptor.descriptor.bytes(count: 1 << 20, at: 0)
    }

    /// Why some bytes are no kernel.
    private func reason(_ bytes: [UInt8]) throws -> KernelImageError.Reason? {
        let path = try directory.write("kernel", bytes)
        do {
            _ = try KernelImage(opening: FilePath(path), cache: cache)
            return nil
        } catch {
            #expect(error.path == path)
            return error.reason
        }
    }

    // MARK: What can be booted

    @Test(arguments: [CompressionFormat.gzip, .xz, .lz4, .zstd])
    func opensABzImageAndKeepsWhatItHolds(format: CompressionFormat) throws {
        let kernel = Fixtures.elf()
        let path = try directory.write("kernel", Fixtures.bzImage(of: kernel, format))
        for _ in 0..<2 {
            let image = try KernelImage(opening: FilePath(path), cache: cache)
            #expect(image.layout == Self.layout)
            #expect(image.cacheProblem == nil)
            #expect(try contents(image) == kernel)
            #expect(throws: SystemCallError("write", .badFileDescriptor)) {
                try image.descriptor.descriptor.write(all: [1])
            }
            #expect(try cache.kernels().count == 1)
        }
    }

    @Test func opensAnELFFileAsItIs() throws {
        let kernel = Fixtures.elf()
        let path = try directory.write("vmlinux", kernel)
        let image = try KernelImage(opening: FilePath(path), cache: cache)
        #expect(image.layout == Self.layout)
        #expect(try contents(image) == kernel)
        #expect(throws: (any Error).self) { try cache.directory.directoryEntries() }
    }

    @Test func anOldHeaderWithoutLoadFlagsIsLeftToTheELFHeader() throws {
        let kernel = Fixtures.elf()
        let packed = try Fixtures.compress(kernel, .gzip)
        #expect(try reason(Fixtures.bzImage(packed, unpackedSize: nil, version: 0x20a, loadFlags: 0)) == nil)
    }

    /// The kernels that GuestImages built, where it did.
    private static let guests = ["6.1", "6.12"].map {
        (KernelCache.standardRoot?.string ?? "/nonexistent") + "/guest/" + $0
    }

    @Test(
        .enabled(
            if: guests.allSatisfy { FileManager.default.fileExists(atPath: $0 + "/vmlinux") },
            "GuestImages/build was not run"),
        arguments: guests)
    func opensDebianKernels(guest: String) throws {
        let packed = try KernelImage(opening: FilePath(guest + "/vmlinuz"), cache: cache)
        let plain = try KernelImage(opening: FilePath(guest + "/vmlinux"), cache: cache)
        #expect(packed.layout.entry == plain.layout.entry && packed.layout.end == plain.layout.end)
        #expect(plain.layout.segments.count == 4)
        // What the kernel clears by itself, ten megabytes and more, is zero in the file.
        let (size, all) = (
            packed.layout.segments.reduce(0) { $0 + $1.fileSize }, plain.layout.segments.reduce(0) { $0 + $1.fileSize }
        )
        #expect(size + 10 << 20 <= all)
        let unpacked = try #require(try cache.kernels().first)
        #expect(FileManager.default.contentsEqual(atPath: unpacked.string, andPath: guest + "/vmlinux"))
    }

    // MARK: What can't

    @Test func filesThatAreNoKernels() throws {
        #expect(try reason([]) == .empty)
        #expect(try reason([0x7f]) == .notAKernel)
        #expect(try reason(Array("#!/bin/sh\n".utf8)) == .notAKernel)
        #expect(try reason([UInt8](repeating: 0, count: 10_000)) == .notAKernel)
        #expect(try reason(Fixtures.elf32) == .not64Bit)
        #expect(try reason(Fixtures.elf(machine: 183)) == .not64Bit)
        #expect(try reason(Fixtures.elf(kind: 3)) == .program)
    }

    @Test func pathsThatAreNoFiles() throws {
        func reason(_ path: String) -> KernelImageError? {
            do {
                _ = try KernelImage(opening: FilePath(path), cache: nil)
                return nil
            } catch {
                return error
            }
        }
        let missing = directory.path + "/missing"
        #expect(reason(missing)?.description == "--kernel \(missing): cannot be read: No such file or directory")
        #expect(reason(directory.path)?.description == "--kernel \(directory.path): a directory, not a kernel")
        #expect(reason("/dev/null")?.description == "--kernel /dev/null: not a regular file")
        let pipe = directory.path + "/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(reason(pipe)?.reason == .notAFile)
        let secret = try directory.write("secret", [1])
        #expect(chmod(secret, 0) == 0)
        if geteuid() != 0 {
            #expect(reason(secret)?.description == "--kernel \(secret): cannot be read: Permission denied")
        }
    }

    @Test func truncatedFiles() throws {
        let kernel = Fixtures.elf()
        #expect(try reason(Array(kernel.prefix(0x3100))) == .truncated(expected: 0x3800, actual: 0x3100))
        let image = try Fixtures.bzImage(of: kernel, .gzip)
        for count in [image.count - 1, image.count / 2, 0x250] {
            let given = try reason(Array(image.prefix(count)))
            #expect(given == .truncated(expected: UInt64(image.count), actual: UInt64(count)))
        }
        #expect(try reason(Array(image.prefix(0x24f))) == .truncated(expected: 0x250, actual: 0x24f))
    }

    @Test func bzImagesThatCannotBeBooted() throws {
        let packed = try Fixtures.compress(Fixtures.elf(), .gzip)
        #expect(try reason(Fixtures.bzImage(packed, unpackedSize: nil, loadFlags: 0)) == .not64Bit)
        #expect(
            try reason(Fixtures.bzImage(packed, unpackedSize: nil, version: 0x207)) == .tooOld(major: 2, minor: 7))
        let noise = [UInt8](repeating: 0xa5, count: 64)
        #expect(try reason(Fixtures.bzImage(noise, unpackedSize: 10)) == .unknownPayload)
        #expect(
            try reason(Fixtures.bzImage([0x1f, 0x8b, 0x08], unpackedSize: 10))
                == .damaged("its header speaks of a payload of 7 bytes"))
        for format in [CompressionFormat.bzip2, .lzma] {
            let packed = try Fixtures.compress(Fixtures.elf(), format)
            #expect(
                try reason(Fixtures.bzImage(packed, unpackedSize: 0x5000))
                    == .unsupportedCompression(format.rawValue))
        }
        let text = try Fixtures.compress([UInt8](repeating: 0x20, count: 1000), .xz)
        #expect(
            try reason(Fixtures.bzImage(text, unpackedSize: 1000))
                == .damaged("what it unpacks to is not an ELF file"))
        let old = try Fixtures.compress(Fixtures.elf32, .xz)
        #expect(try reason(Fixtures.bzImage(old, unpackedSize: 512)) == .not64Bit)
        // None of them may be left in the cache.
        #expect(try cache.directory.directoryEntries() == [])
    }

    @Test(arguments: [CompressionFormat.xz, .lz4, .zstd])
    func theUnpackedSizeMustBeTheRecordedOne(format: CompressionFormat) throws {
        let packed = try Fixtures.compress(Fixtures.elf(), format)
        for size in [0, 0x4fff, 0x5001] {
            #expect(
                try reason(Fixtures.bzImage(packed, unpackedSize: size))
                    == .damaged("the \(format.rawValue) data is damaged"))
        }
    }

    @Test func aDecompressionBombIsRefusedBeforeItIsUnpacked() throws {
        let packed = try Fixtures.compress([UInt8](repeating: 0, count: 64 << 20), .zstd)
        #expect(try reason(Fixtures.bzImage(packed, unpackedSize: (1 << 30) + 1)) == .tooLarge(limit: 1 << 30))
        // One that lies about its size ends as soon as it shows.
        #expect(
            try reason(Fixtures.bzImage(packed, unpackedSize: 4096)) == .damaged("the zstd data is damaged"))
    }

    @Test func layoutsThatMakeNoSense() throws {
        typealias Segment = Fixtures.Segment
        func reason(_ segments: [Segment], entry: UInt64 = 0x100_0000) throws -> KernelImageError.Reason? {
            try self.reason(Fixtures.elf(segments, entry: entry))
        }
        let good = Segment(offset: 0x1000, fileSize: 0x1000, address: 0x100_0000, memorySize: 0x1000)
        #expect(try reason([good]) == nil)
        #expect(try reason([]) == .layout("it has nothing to load"))
        #expect(
            try reason([good], entry: 0x100_1000)
                == .layout("its entry point 0x1001000 is in none of its segments"))
        #expect(
            try reason([good, Segment(offset: 0, fileSize: 1, address: 0x100_0fff, memorySize: 1)])
                == .layout("its segment at 0x1000fff overlaps the one before"))
        #expect(
            try reason([good, Segment(offset: 0, fileSize: 2, address: 0x200_0000, memorySize: 1)])
                == .layout("its segment at 0x2000000 is larger in the file than in memory"))
        #expect(
            try reason([good, Segment(offset: 0, fileSize: 1, address: 0xf_ffff, memorySize: 1)])
                == .layout("its segment at 0xfffff is below 1M, where the boot tables are"))
        #expect(
            try reason([good, Segment(offset: 0, fileSize: 1, address: .max, memorySize: 2)])
                == .layout("its segment at 0xffffffffffffffff ends beyond any memory"))
        #expect(
            try reason([good, Segment(offset: .max, fileSize: 1, address: 0x200_0000, memorySize: 1)])
                == .layout("its segment at 0x2000000 ends beyond any file"))
        #expect(
            try reason([good, Segment(offset: 0x5000, fileSize: 1, address: 0x200_0000, memorySize: 1)])
                == .truncated(expected: 0x5001, actual: 0x5000))
        let many = (0..<33).map { Segment(offset: 0, fileSize: 1, address: 0x100_0000 + $0, memorySize: 1) }
        #expect(try reason(many) == .layout("it has 33 segments; 32 is the most"))
    }

    @Test(arguments: [CompressionFormat.gzip, .lz4])
    func mutatedKernelsNeverCrash(format: CompressionFormat) throws {
        var random = SystemRandomNumberGenerator()
        let originals = [try Fixtures.bzImage(of: Fixtures.elf(), format), Fixtures.elf()]
        for _ in 0..<400 {
            for original in originals {
                var bytes = original
                if Bool.random(using: &random) {
                    bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
                }
                for _ in 0..<Int.random(in: 0...8, using: &random) {
                    // Mostly headers: that is where the numbers are.
                    let limit = Bool.random(using: &random) ? min(bytes.count, 0x260) : bytes.count
                    bytes[Int.random(in: 0..<limit, using: &random)] =
                        [0, 1, 0x7f, 0x80, 0xff, UInt8.random(in: 0...255)].randomElement(using: &random) ?? 0
                }
                _ = try reason(bytes)
            }
        }
    }

    // MARK: Messages

    @Test func messagesNameTheOptionAndThePath() {
        func text(_ reason: KernelImageError.Reason) -> String { KernelImageError("/k", reason).description }
        #expect(text(.empty) == "--kernel /k: the file is empty")
        #expect(text(.notAKernel) == "--kernel /k: not a kernel: neither a Linux bzImage nor an ELF file")
        #expect(
            text(.program) == "--kernel /k: not a kernel: an ELF file, but not one that is loaded at fixed addresses")
        #expect(
            text(.truncated(expected: 10, actual: 9))
                == "--kernel /k: truncated: the file has 9 bytes, and its header speaks of 10")
        #expect(text(.not64Bit) == "--kernel /k: not a 64-bit x86 kernel")
        #expect(
            text(.tooOld(major: 2, minor: 7))
                == "--kernel /k: too old: its boot protocol is 2.07, and 2.08 is the first that works")
        #expect(
            text(.unsupportedCompression("bzip2"))
                == "--kernel /k: compressed with bzip2, which is not supported; gzip, xz, lz4 and zstd are")
        #expect(text(.tooLarge(limit: 1 << 30)) == "--kernel /k: too large: it unpacks to more than 1024M")
        #expect(text(.damaged("x")) == "--kernel /k: damaged: x")
    }
}
