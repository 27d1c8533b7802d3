import Glibc
import Host
import SystemPackage
import Testing

@Suite final class ByteStreamTests {
    private let first: OwnedFileDescriptor
    private let second: OwnedFileDescriptor
    private var ours: FileDescriptor { first.descriptor }
    private var theirs: FileDescriptor { second.descriptor }

    init() throws {
        ignoreBrokenPipes()
        let (first, second) = try makeByteChannel()
        self.first = OwnedFileDescriptor(first)
        self.second = OwnedFileDescriptor(second)
    }

    @Test func bytesGoBothWays() throws {
        #expect(try ByteStream.read(ours) == .wouldBlock)
        #expect(try ByteStream.write(theirs, [1, 2, 3]) == 3)
        #expect(try ByteStream.read(ours, limit: 2) == .bytes([1, 2]))
        #expect(try ByteStream.read(ours, limit: 2) == .bytes([3]))
        #expect(try ByteStream.write(ours, [4]) == 1)
        #expect(try ByteStream.read(theirs) == .bytes([4]))
        #expect(try ByteStream.write(ours, []) == 0)
    }

    @Test func aFullChannelWouldBlock() throws {
        let chunk = [UInt8](repeating: 7, count: 1 << 16)
        var written = 0
        while case let count = try ByteStream.write(ours, chunk[...]), count > 0 { written += count }
        #expect(try ByteStream.write(ours, [1]) == 0)
        var read = 0
        while case .bytes(let bytes) = try ByteStream.read(theirs, limit: 1 << 16) { read += bytes.count }
        #expect(read == written)
        #expect(try ByteStream.write(ours, [1]) == 1)
    }

    @Test func aPeerThatIsGoneIsTheEndOfReadingAndAnErrorOfWriting() throws {
        let (ours, theirs) = try makeByteChannel()
        defer { try? ours.close() }
        #expect(try ByteStream.write(theirs, [1]) == 1)
        try theirs.close()
        #expect(ByteStream.isHungUp(ours))
        #expect(try ByteStream.read(ours) == .bytes([1]), "what it left can be read")
        #expect(try ByteStream.read(ours) == .end)
        #expect(throws: SystemCallError("write", .brokenPipe)) { try ByteStream.write(ours, [1]) }
    }

    /// A peer that closes with input unread resets the connection.
    @Test func aResetIsAnEnd() throws {
        let (ours, theirs) = try makeByteChannel()
        defer { try? ours.close() }
        #expect(try ByteStream.write(ours, [1]) == 1)
        try theirs.close()
        #expect(try ByteStream.read(ours) == .end)
    }

    @Test func aDescriptorThatIsNoneIsAnError() throws {
        let wrong = FileDescriptor(rawValue: -1)
        #expect(throws: SystemCallError("read", .badFileDescriptor)) { try ByteStream.read(wrong) }
        #expect(throws: SystemCallError("write", .badFileDescriptor)) { try ByteStream.write(wrong, [1]) }
    }

    @Test func theChannelIsNotInheritedByOtherPrograms() throws {
        for end in [ours, theirs] {
            #expect(fcntl(end.rawValue, F_GETFD) & FD_CLOEXEC != 0)
            #expect(fcntl(end.rawValue, F_GETFL) & O_NONBLOCK != 0)
        }
    }
}
