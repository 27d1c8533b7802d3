import Foundation
import Host
import SystemPackage
import Testing

@Suite final class FileCallsTests {
    private let directory = FilePath(
        FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-host-\(UUID().uuidString)").path)

    init() throws {
        try directory.createDirectories()
    }

    deinit {
        try? FileManager.default.removeItem(atPath: directory.string)
    }

    @Test func bytesAreReadWhereTheyAreAndWrittenWhole() throws {
        let path = directory.appending("file")
        let sample = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        let file = try OwnedFileDescriptor(opening: path, .readWrite, options: [.create, .exclusiveCreate])
        try file.descriptor.write(all: sample[...])
        try file.synchronize()
        #expect(try file.descriptor.bytes(count: 200_000, at: 0) == sample)
        #expect(try file.descriptor.bytes(count: 10, at: 99_995) == Array(sample.suffix(5)))
        #expect(try file.descriptor.bytes(count: 10, at: 100_000) == [])
        #expect(try file.descriptor.bytes(count: 0, at: 0) == [])
        #expect(throws: SystemCallError("open", .fileExists, subject: path.string)) {
            _ = try OwnedFileDescriptor(opening: path, .readWrite, options: [.create, .exclusiveCreate])
        }
        let listing = try OwnedFileDescriptor(opening: directory, .readOnly)
        #expect(throws: SystemCallError("pread", .isDirectory)) { try listing.descriptor.bytes(count: 1, at: 0) }
    }

    @Test func aFullDiskIsAnError() throws {
        let full = try OwnedFileDescriptor(opening: "/dev/full", .writeOnly)
        #expect(throws: SystemCallError("write", .noSpace)) { try full.descriptor.write(all: [1, 2]) }
    }

    @Test func directoriesAreMadeAndListed() throws {
        let deep = directory.appending("a").appending("b").appending("c")
        try deep.createDirectories()
        try deep.createDirectories()
        #expect(try deep.directoryEntries() == [])
        let file = deep.appending("x")
        _ = try OwnedFileDescriptor(opening: file, .writeOnly, options: .create)
        try file.renameFile(to: deep.appending("y"))
        #expect(try deep.directoryEntries() == ["y"])
        #expect(throws: SystemCallError("unlink", .noSuchFileOrDirectory, subject: file.string)) {
            try file.removeFile()
        }
        let below = deep.appending("y").appending("z")
        #expect(throws: SystemCallError("mkdir", .notDirectory, subject: below.string)) {
            try below.createDirectories()
        }
    }

    @Test func aSealedMemoryFileStaysAsItIs() throws {
        let file = try OwnedFileDescriptor(memoryFile: "test")
        try file.descriptor.write(all: [1, 2, 3])
        try file.seal()
        #expect(throws: SystemCallError("write", .notPermitted)) { try file.descriptor.write(all: [4]) }
        #expect(try file.descriptor.bytes(count: 10, at: 0) == [1, 2, 3])
    }

    @Test func aPseudoTerminalPassesBytesOnAndDoesNotEchoThem() throws {
        let terminal = try PseudoTerminal()
        let other = try OwnedFileDescriptor(
            opening: FilePath(terminal.path), .readWrite, options: .init(rawValue: O_NOCTTY))
        try terminal.master.descriptor.write(all: [0x03, 0x0a, 0x41])
        #expect(try ByteStream.read(other.descriptor) == .bytes([0x03, 0x0a, 0x41]))
        #expect(try ByteStream.read(terminal.master.descriptor) == .wouldBlock)
        try other.descriptor.write(all: [0x0a, 0x42])
        #expect(try ByteStream.read(terminal.master.descriptor) == .bytes([0x0a, 0x42]))
    }

    @Test func aSocketIsItsOwnersAndTellsWhetherSomebodyListens() throws {
        let path = directory.appending("socket")
        do {
            let listener = try UnixSocket.listen(at: path)
            #expect(try Stat(path).permissions == .ownerReadWriteExecute)
            #expect(try UnixSocket.isListenedAt(path))
            #expect(throws: SystemCallError("bind", .addressInUse, subject: path.string)) {
                _ = try UnixSocket.listen(at: path)
            }
            _ = listener.rawValue
        }
        // A process that another test starts at this moment has the listener until it becomes another program.
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: 5_000)
        while try UnixSocket.isListenedAt(path), .now() < deadline { usleep(1_000) }
        let isListenedAt = try UnixSocket.isListenedAt(path)
        #expect(!isListenedAt)
        #expect(throws: SystemCallError.self) { try UnixSocket.isListenedAt(self.directory.appending("none")) }
        let long = FilePath("/" + String(repeating: "a", count: 108))
        #expect(throws: SystemCallError("bind", .fileNameTooLong, subject: long.string)) {
            _ = try UnixSocket.listen(at: long)
        }
    }

    @Test func aProgramsOutputAndStatusComeBack() throws {
        let (text, status) = try ProcessImage.output(
            of: "/bin/sh", arguments: ["-c", "echo \"$1\"; exit 7", "", "a b\nc"])
        #expect(text == "a b\nc\n")
        #expect(status == 7)
        #expect(try ProcessImage.output(of: "/bin/sh", arguments: ["-c", "kill -9 $$"]).status == 137)
        #expect(try ProcessImage.output(of: "/bin/cat", arguments: []).text == "")
        #expect(throws: SystemCallError("exec", .noSuchFileOrDirectory, subject: "/nonexistent")) {
            try ProcessImage.output(of: "/nonexistent", arguments: [])
        }
        #expect(try ProcessImage.path().lastComponent?.string.hasSuffix(".xctest") == true)
    }
}
