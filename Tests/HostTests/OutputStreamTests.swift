import Glibc
import Host
import SystemPackage
import Testing

@Suite final class OutputStreamTests {
    private let loop: EventLoop
    private let ours: OwnedFileDescriptor
    private let theirs: OwnedFileDescriptor

    init() throws {
        ignoreBrokenPipes()
        loop = try EventLoop()
        let (first, second) = try makeByteChannel()
        ours = OwnedFileDescriptor(first)
        theirs = OwnedFileDescriptor(second)
    }

    private func run(milliseconds: UInt64) throws {
        loop.schedule(afterMilliseconds: milliseconds) { [loop] in loop.stop() }
        try loop.run()
    }

    private static func sample(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    }

    /// Reads what the stream sends, slowly, until there are so many bytes.
    private func readSlowly(_ count: Int) throws -> [UInt8] {
        var received: [UInt8] = []
        func readSome() {
            if case .bytes(let bytes) = try? ByteStream.read(theirs.descriptor, limit: 50_000) { received += bytes }
            guard received.count < count else { return loop.stop() }
            loop.schedule(afterMilliseconds: 1) { readSome() }
        }
        readSome()
        let limit = loop.schedule(afterMilliseconds: 5000) { [loop] in loop.stop() }
        try loop.run()
        loop.cancel(limit)
        return received
    }

    @Test func whatTheReaderTakesGoesOutAtOnce() throws {
        var reports = 0
        let stream = OutputStream(ours.descriptor, loop: loop)
        stream.onRoom = { reports += 1 }
        stream.write([1, 2, 3])
        stream.write([])
        stream.write([4])
        #expect(try ByteStream.read(theirs.descriptor) == .bytes([1, 2, 3, 4]))
        #expect(reports == 0, "it never was congested")
        #expect(!stream.isCongested)
    }

    @Test func aSlowReaderGetsEverythingInOrder() throws {
        var reports = 0
        let stream = OutputStream(ours.descriptor, loop: loop)
        stream.onRoom = { reports += 1 }
        let sample = Self.sample(2_000_000)
        for start in stride(from: 0, to: sample.count, by: 100_000) {
            stream.write(sample[start..<start + 100_000])
        }
        #expect(stream.isCongested)
        #expect(try readSlowly(sample.count) == sample)
        try run(milliseconds: 5)
        #expect(!stream.isCongested)
        #expect(reports == 1)
        stream.write([9])
        #expect(try ByteStream.read(theirs.descriptor) == .bytes([9]), "it works on")
    }

    /// A descriptor is waited for by its reader, too, as that of a connection is.
    @Test func aDescriptorMayBeReadInTheSameLoop() throws {
        let stream = OutputStream(ours.descriptor, loop: loop)
        _ = try loop.add(ours.descriptor, .readable) { _ in }
        let sample = Self.sample(1_000_000)
        stream.write(sample)
        #expect(try readSlowly(sample.count) == sample)
        stream.close()
    }

    @Test func aReaderThatIsGoneClosesTheStream() throws {
        let (first, second) = try makeByteChannel()
        let owned = OwnedFileDescriptor(first)
        let stream = OutputStream(owned.descriptor, loop: loop)
        try second.close()
        stream.write([1])
        #expect(stream.isClosed)
        stream.write(Self.sample(100_000))
        #expect(!stream.isCongested, "nothing is kept for nobody")
    }

    @Test func aReaderThatGoesAwayWhileItIsWaitedForClosesTheStream() throws {
        let (first, second) = try makeByteChannel()
        let owned = OwnedFileDescriptor(first)
        let stream = OutputStream(owned.descriptor, loop: loop)
        stream.write(Self.sample(1_000_000))
        loop.schedule(afterMilliseconds: 5) { try? second.close() }
        try run(milliseconds: 50)
        #expect(stream.isClosed)
    }

    @Test func nothingFollowsAClose() throws {
        var reports = 0
        let stream = OutputStream(ours.descriptor, loop: loop)
        stream.onRoom = { reports += 1 }
        stream.write(Self.sample(1_000_000))
        stream.close()
        _ = try readSlowly(1)
        #expect(reports == 0)
        stream.write([1])
        #expect(stream.isClosed && !stream.isCongested)
    }

    @Test func whatWaitsCanBeFlushed() throws {
        let pipe = try FileDescriptor.pipe()
        let readEnd = OwnedFileDescriptor(pipe.readEnd)
        let writeEnd = OwnedFileDescriptor(pipe.writeEnd)
        let stream = OutputStream(writeEnd.descriptor, loop: loop)
        let sample = Self.sample(80_000)
        stream.write(sample)
        let start = MonotonicInstant.now()
        stream.flush(patience: 20)
        #expect(start.milliseconds(until: .now()) < 1000, "nobody reads, though the descriptor blocks")
        let received = try readEnd.descriptor.bytesOfStream(count: 65_536)
        stream.flush(patience: 20)
        #expect(try received + readEnd.descriptor.bytesOfStream(count: 80_000 - 65_536) == sample)
    }

    @Test func aReaderThatGoesEndsTheFlush() throws {
        let stream: OutputStream
        do {
            let (first, second) = try makeByteChannel()
            let reader = OwnedFileDescriptor(second)
            stream = OutputStream(first, loop: loop)
            stream.write(Self.sample(2_000_000))
            #expect(stream.waitingCount > 0)
            withExtendedLifetime(reader) {}
        }
        let start = MonotonicInstant.now()
        while stream.waitingCount > 0, start.milliseconds(until: .now()) < 5_000 { stream.flush(patience: 20) }
        #expect(stream.isClosed && stream.waitingCount == 0 && stream.failure?.errno == .brokenPipe)
    }

    @Test(arguments: [true, false]) func aFullDisk(waitsForSpace: Bool) throws {
        let full = try OwnedFileDescriptor(opening: "/dev/full", .writeOnly)
        let stream = OutputStream(full.descriptor, loop: loop)
        var isToldClosed = false
        stream.waitsForSpace = waitsForSpace
        stream.onClose = { isToldClosed = true }
        stream.write("hello")
        try run(milliseconds: 300)
        #expect(stream.isClosed == !waitsForSpace && isToldClosed == !waitsForSpace)
        #expect(stream.failure?.errno == (waitsForSpace ? nil : .noSpace))
        #expect(stream.waitingCount == (waitsForSpace ? 5 : 0))
        stream.close()
    }

    @Test func aReaderThatMakesRoomMakesTheWriterGoOn() throws {
        let stream = OutputStream(ours.descriptor, loop: loop)
        let sample = Self.sample(1 << 16)
        var rounds = 0
        stream.onRoom = { [unowned stream] in
            rounds += 1
            #expect(!stream.isCongested)
            while rounds < 10, !stream.isCongested { stream.write(sample) }
        }
        while !stream.isCongested { stream.write(sample) }
        _ = try readSlowly(1 << 22)
        #expect(rounds >= 10)
        stream.close()
    }

    @Test func aStreamThatIsGoneIsNotWaitedForAnyMore() throws {
        do {
            let stream = OutputStream(ours.descriptor, loop: loop)
            stream.write(Self.sample(1_000_000))
        }
        _ = try ByteStream.read(theirs.descriptor, limit: 1 << 20)
        try run(milliseconds: 20)
    }

    // MARK: A full disk

    @Test func aFullDiskIsTriedAgain() throws {
        var reports = 0
        let full = try OwnedFileDescriptor(opening: "/dev/full", .writeOnly)
        let stream = OutputStream(full.descriptor, loop: loop)
        stream.onRoom = { reports += 1 }
        stream.write([1, 2, 3])
        try run(milliseconds: 250)
        #expect(!stream.isClosed)
        stream.write(Self.sample(100_000))
        #expect(stream.isCongested, "it is kept")
        stream.close()
        try run(milliseconds: 250)
        #expect(reports == 0, "nothing follows a close")
    }

    @Test(.enabled(if: TinyDisk.isAvailable, "file systems can't be mounted here"))
    func aDiskWithRoomAgainGetsEverything() throws {
        let disk = try TinyDisk(size: 131_072)
        let filler = disk.path.appending("filler")
        do {
            let file = try OwnedFileDescriptor(opening: filler, .writeOnly, options: .create)
            try file.descriptor.write(all: Self.sample(120_000)[...])
        }
        let output = try OwnedFileDescriptor(opening: disk.path.appending("output"), .readWrite, options: .create)
        let stream = OutputStream(output.descriptor, loop: loop)
        let sample = Self.sample(100_000)
        stream.write(sample[..<90_000])
        stream.write(sample[90_000...])
        #expect(!stream.isClosed && stream.isCongested)
        stream.onRoom = { [loop] in loop.stop() }
        loop.schedule(afterMilliseconds: 20) { try? filler.removeFile() }
        try run(milliseconds: 2000)
        #expect(!stream.isCongested)
        #expect(try output.descriptor.bytes(count: 200_000, at: 0) == sample)
    }
}

extension FileDescriptor {
    /// Bytes of a pipe, as many as are asked for.
    fileprivate func bytesOfStream(count: Int) throws -> [UInt8] {
        var received: [UInt8] = []
        while received.count < count, case .bytes(let bytes) = try ByteStream.read(self, limit: count - received.count)
        {
            received += bytes
        }
        return received
    }
}
