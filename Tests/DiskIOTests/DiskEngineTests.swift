import DiskIO
import GuestMemory
import Host
import SystemPackage
import Testing
import VirtioTestSupport

/// Both engines, on a file in memory of 1 MiB.
struct DiskEngineTests {
    enum Kind: CaseIterable {
        case uring, threads
    }

    private static let size: UInt64 = 1 << 20
    private static let free = GuestAddress(0x18_0000)

    /// An engine with its file and guest memory: the first MiB of it at 1 MiB.
    private final class Fixture {
        let file: OwnedFileDescriptor
        let memory: GuestMemory
        let engine: any DiskEngine

        init(_ kind: Kind, capacity: Int = 8) throws {
            try GuestMemory.installProcessHandlers()
            file = try OwnedFileDescriptor(memoryFile: "disk")
            try file.descriptor.write(all: [UInt8](repeating: 0, count: Int(DiskEngineTests.size))[...])
            memory = GuestMemory(regions: [
                try GuestMemoryRegion(name: "ram", start: GuestAddress(0x10_0000), size: 0x10_0000),
                try GuestMemoryRegion(name: "more", start: GuestAddress(0x20_0000), size: 0x1_0000),
            ])
            engine =
                switch kind {
                case .uring: try UringEngine(disk: file.descriptor, capacity: capacity)
                case .threads: try ThreadEngine(disk: file.descriptor)
                }
        }

        func vectors(_ pieces: (GuestAddress, UInt64)...) throws -> GuestVectors {
            let vectors = GuestVectors(of: memory)
            for (address, count) in pieces { try vectors.append(address, count: count) }
            return vectors
        }

        /// Does one thing, and waits for its end.
        func perform(_ request: DiskRequest) -> Int {
            engine.submit(request, tag: 7)
            engine.start()
            engine.waitForCompletion()
            var results: [Int] = []
            engine.takeCompletions { tag, result in
                #expect(tag == 7)
                results.append(result)
            }
            #expect(results.count == 1)
            return results.first ?? .min
        }
    }

    @Test(arguments: Kind.allCases) func whatIsWrittenIsRead(_ kind: Kind) throws {
        let fixture = try Fixture(kind)
        let pattern = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try fixture.memory.write(pattern, at: Self.free)
        // In three pieces, one of them empty, the last across two regions' border.
        let out = try fixture.vectors((Self.free, 1000), (Self.free, 0), (Self.free.advanced(by: 1000)!, 4000))
        #expect(fixture.perform(DiskRequest(.write(durable: true), offset: 4096, vectors: out)) == 5000)
        #expect(try fixture.file.descriptor.bytes(count: 5000, at: 4096) == pattern)
        let border = GuestAddress(0x20_0000 - 2000)
        let back = try fixture.vectors((border, 5000))
        #expect(back.byteCount == 5000)
        #expect(fixture.perform(DiskRequest(.read, offset: 4096, vectors: back)) == 5000)
        #expect(try fixture.memory.read(5000, at: border) == pattern)
        #expect(fixture.perform(DiskRequest(.flush, vectors: GuestVectors(of: fixture.memory))) == 0)
    }

    @Test(arguments: Kind.allCases) func theEndIsTold(_ kind: Kind) throws {
        let fixture = try Fixture(kind)
        let across = try fixture.vectors((Self.free, 4096))
        #expect(fixture.perform(DiskRequest(.read, offset: Self.size - 1024, vectors: across)) == 1024)
        #expect(fixture.perform(DiskRequest(.read, offset: Self.size, vectors: across)) == 0)
    }

    @Test(arguments: Kind.allCases) func rangesAreGivenBackAndZeroed(_ kind: Kind) throws {
        let fixture = try Fixture(kind)
        let none = GuestVectors(of: fixture.memory)
        let ones = [UInt8](repeating: 1, count: Int(Self.size))
        for operation in [DiskOperation.discard, .zero(keepsRoom: false), .zero(keepsRoom: true)] {
            try fixture.memory.fill(at: Self.free, count: 0x4_0000, with: 1)
            let all = try fixture.vectors((Self.free, 0x4_0000))
            _ = fixture.perform(DiskRequest(.write(durable: false), offset: 0, vectors: all))
            let result = fixture.perform(DiskRequest(operation, offset: 4096, count: 8192, vectors: none))
            // tmpfs has no way to zero a range and keep its room.
            if case .zero(keepsRoom: true) = operation, result == -95 { continue }
            #expect(result == 0)
            let bytes = try fixture.file.descriptor.bytes(count: 0x4_0000, at: 0)
            #expect(bytes[..<4096] == ones[..<4096] && bytes[12288...] == ones[12288..<0x4_0000])
            #expect(bytes[4096..<12288].allSatisfy { $0 == 0 })
        }
    }

    @Test(arguments: Kind.allCases) func memoryThatIsNotAccessibleIsAnError(_ kind: Kind) throws {
        let fixture = try Fixture(kind)
        let region = fixture.memory.regions[1]
        try region.mapping.protect(0..<region.size, .inaccessible)
        let vectors = try fixture.vectors((GuestAddress(0x20_0000), 4096))
        let result = fixture.perform(DiskRequest(.read, offset: 0, vectors: vectors))
        #expect(UringEngine.errno(of: result) == .badAddress)
        #expect(throws: GuestMemoryError.self) { try fixture.vectors((GuestAddress(0x30_0000), 1)) }
    }

    @Test(arguments: Kind.allCases) func manyAreUnderWayAtATime(_ kind: Kind) throws {
        let fixture = try Fixture(kind, capacity: 64)
        for tag in 0..<64 {
            try fixture.memory.fill(at: GuestAddress(0x18_0000 + UInt64(tag) * 512), count: 512, with: UInt8(tag))
            let vectors = try fixture.vectors((GuestAddress(0x18_0000 + UInt64(tag) * 512), 512))
            fixture.engine.submit(
                DiskRequest(.write(durable: false), offset: UInt64(tag) * 512, vectors: vectors), tag: tag)
        }
        fixture.engine.start()
        var done: Set<Int> = []
        while done.count < 64 {
            fixture.engine.waitForCompletion()
            fixture.engine.takeCompletions { tag, result in
                #expect(result == 512)
                done.insert(tag)
            }
        }
        #expect(
            try fixture.file.descriptor.bytes(count: 64 * 512, at: 0)
                == (0..<64).flatMap { [UInt8](repeating: UInt8($0), count: 512) })
    }

    @Test(arguments: Kind.allCases) func theDescriptorSaysThatSomethingIsDone(_ kind: Kind) throws {
        let fixture = try Fixture(kind)
        #expect(!ByteStream.waitUntilReadable(fixture.engine.completions, milliseconds: 0))
        fixture.engine.submit(DiskRequest(.flush, vectors: GuestVectors(of: fixture.memory)), tag: 1)
        fixture.engine.start()
        #expect(ByteStream.waitUntilReadable(fixture.engine.completions, milliseconds: 10_000))
        var count = 0
        fixture.engine.takeCompletions { _, _ in count += 1 }
        #expect(count == 1)
        #expect(!ByteStream.waitUntilReadable(fixture.engine.completions, milliseconds: 0))
    }

    @Test(arguments: Kind.allCases) func anEngineCanEndAtAnyTime(_ kind: Kind) throws {
        for _ in 0..<20 {
            let fixture = try Fixture(kind, capacity: 64)
            for tag in 0..<32 {
                let vectors = try fixture.vectors((Self.free, 65536))
                fixture.engine.submit(DiskRequest(.write(durable: true), offset: 0, vectors: vectors), tag: tag)
            }
            fixture.engine.start()
        }
    }

    /// No call copies more than 16 MiB, and each is of whole blocks where it can be.
    @Test func portionsAreBounded() throws {
        let fixture = try Fixture(.threads)
        func portions(_ pieces: [UInt64]) throws -> [UInt64] {
            let vectors = GuestVectors(of: fixture.memory)
            for count in pieces { try vectors.append(Self.free, count: count) }
            var portions: [UInt64] = []
            while vectors.byteCount > 0 {
                let count = unsafe vectors.portion.reduce(0 as UInt64) { $0 + UInt64($1.iov_len) }
                portions.append(count)
                try #require(count > 0)
                vectors.removeFirst(count)
            }
            return portions
        }
        let part: UInt64 = 256 << 10
        #expect(try portions([part, 512]) == [part + 512])
        #expect(try portions(Array(repeating: part, count: 160)) == [16 << 20, 16 << 20, 8 << 20])
        // The second block ends with the second piece, and then with each.
        #expect(try portions([512, 3584] + Array(repeating: part, count: 64)) == [(16 << 20) - part + 4096, part])
        #expect(try portions([512] + Array(repeating: part, count: 64)) == [(16 << 20) - part + 512, part])
        #expect(try portions(Array(repeating: 1536, count: 1030)) == [1024 * 1536, 6 * 1536])
        #expect(try portions([512] + Array(repeating: 4096, count: 1030)) == [512 + 1023 * 4096, 7 * 4096])
    }

    @Test func vectorsForgetWhatIsDone() throws {
        let fixture = try Fixture(.threads)
        let vectors = try fixture.vectors((Self.free, 10), (Self.free, 20), (Self.free, 30))
        vectors.removeFirst(15)
        #expect(vectors.byteCount == 45)
        #expect(unsafe vectors.pieces.map(\.iov_len) == [15, 30])
        vectors.removeFirst(15)
        #expect(unsafe vectors.pieces.map(\.iov_len) == [30])
        vectors.removeFirst(100)
        #expect(vectors.byteCount == 0 && vectors.pieces.isEmpty)
        vectors.removeAll()
        for _ in 0..<3000 { try vectors.append(Self.free, count: 1) }
        #expect(vectors.pieces.count == 1024 && vectors.byteCount == 3000)
    }
}
