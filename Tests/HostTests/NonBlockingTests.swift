import Glibc
import Host
import SystemPackage
import Testing

@Suite struct NonBlockingTests {
    private func isNonBlocking(_ descriptor: FileDescriptor) -> Bool {
        fcntl(descriptor.rawValue, F_GETFL) & O_NONBLOCK != 0
    }

    private func isInherited(_ descriptor: FileDescriptor) -> Bool {
        fcntl(descriptor.rawValue, F_GETFD) & FD_CLOEXEC == 0
    }

    @Test func aPipeIsOpenedAgainAndStaysAsItIsForOthers() throws {
        let pipe = try FileDescriptor.pipe()
        let readEnd = OwnedFileDescriptor(pipe.readEnd)
        let writeEnd = OwnedFileDescriptor(pipe.writeEnd)
        let again = try readEnd.descriptor.reopenedWithoutBlocking(.readOnly)
        #expect(try ByteStream.read(again.descriptor) == .wouldBlock)
        #expect(!isNonBlocking(readEnd.descriptor))
        #expect(!isInherited(again.descriptor))
        try writeEnd.descriptor.write(all: [1, 2])
        #expect(try ByteStream.read(again.descriptor) == .bytes([1, 2]))
    }

    @Test func aTerminalIsOpenedAgainAndStaysAsItIsForOthers() throws {
        let terminal = try PseudoTerminal()
        let shell = try OwnedFileDescriptor(
            opening: FilePath(terminal.path), .readWrite, options: .init(rawValue: O_NOCTTY))
        let again = try shell.descriptor.reopenedWithoutBlocking(.readOnly)
        #expect(try ByteStream.read(again.descriptor) == .wouldBlock)
        #expect(!isNonBlocking(shell.descriptor))
    }

    /// A file's position is shared, so that what a shell appends to follows what was written here.
    @Test func aFileKeepsItsPosition() throws {
        let file = try OwnedFileDescriptor(memoryFile: "test")
        try file.descriptor.write(all: [1, 2, 3])
        let again = try file.descriptor.reopenedWithoutBlocking(.writeOnly)
        try again.descriptor.write(all: [4])
        try file.descriptor.write(all: [5])
        #expect(try file.descriptor.bytes(count: 10, at: 0) == [1, 2, 3, 4, 5])
    }

    /// A socket can't be opened again; it stays as it is, for others' sake, and is only used when it is ready.
    @Test func aSocketIsDuplicated() throws {
        var pair: [CInt] = [-1, -1]
        #expect(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &pair) == 0)
        let socket = OwnedFileDescriptor(FileDescriptor(rawValue: pair[0]))
        let peer = OwnedFileDescriptor(FileDescriptor(rawValue: pair[1]))
        let again = try socket.descriptor.reopenedWithoutBlocking(.readOnly)
        #expect(!isNonBlocking(socket.descriptor))
        #expect(!isInherited(again.descriptor))
        try peer.descriptor.write(all: [7])
        #expect(try ByteStream.read(again.descriptor) == .bytes([7]))
    }

    @Test func aDescriptorCanBeMadeNonBlocking() throws {
        let pipe = try FileDescriptor.pipe()
        let readEnd = OwnedFileDescriptor(pipe.readEnd)
        _ = OwnedFileDescriptor(pipe.writeEnd).rawValue
        try readEnd.descriptor.makeNonBlocking()
        #expect(isNonBlocking(readEnd.descriptor))
        #expect(throws: SystemCallError("fcntl", .badFileDescriptor, subject: "O_NONBLOCK")) {
            try FileDescriptor(rawValue: -1).makeNonBlocking()
        }
    }
}

@Suite struct OwnedFileDescriptorTests {
    private func isOpen(_ number: CInt) -> Bool {
        fcntl(number, F_GETFD) >= 0
    }

    @Test func anOwnerThatGivesItAwayDoesNotCloseIt() throws {
        let file = try OwnedFileDescriptor(memoryFile: "test")
        let number = file.rawValue
        let given = file.release()
        #expect(isOpen(number))
        try given.close()
    }

    @Test func aDuplicateIsOfTheSameFile() throws {
        let file = try OwnedFileDescriptor(memoryFile: "test")
        let second = try OwnedFileDescriptor(duplicating: file.descriptor)
        #expect(second.rawValue != file.rawValue)
        try second.descriptor.write(all: [1])
        #expect(try file.descriptor.bytes(count: 2, at: 0) == [1])
        #expect(throws: SystemCallError("fcntl", .badFileDescriptor, subject: "F_DUPFD_CLOEXEC")) {
            _ = try OwnedFileDescriptor(duplicating: FileDescriptor(rawValue: -1))
        }
    }

    @Test func aFailureNamesItsCallAndSubject() {
        #expect(throws: SystemCallError("open", .noSuchFileOrDirectory, subject: "/nonexistent/file")) {
            _ = try OwnedFileDescriptor(opening: "/nonexistent/file", .readOnly)
        }
        #expect(
            SystemCallError("open", .noSuchFileOrDirectory, subject: "/x").description
                == "open /x: No such file or directory")
        #expect(SystemCallError("epoll_wait", .interrupted).description == "epoll_wait: Interrupted system call")
    }
}
