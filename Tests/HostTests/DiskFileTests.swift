import Foundation
import Glibc
import SystemPackage
import Testing

@testable import Host

@Suite final class DiskFileTests {
    private let directory: String

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("disk-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: directory)
    }

    private func image(_ size: Int = 4096, mode: Int = 0o600) throws -> FilePath {
        let path = directory + "/image"
        let attributes: [FileAttributeKey: Any] = [.posixPermissions: mode]
        #expect(FileManager.default.createFile(atPath: path, contents: Data(count: size), attributes: attributes))
        return FilePath(path)
    }

    /// The kernel would answer EAGAIN where a request has to wait, and give it to nobody else.
    @Test(arguments: [true, false]) func requestsMayWait(writes: Bool) throws {
        let file = try DiskFile.open(try image(), writes: writes, direct: false)
        #expect(fcntl(file.rawValue, F_GETFL) & O_NONBLOCK == 0)
        #expect(try DiskFile(file.descriptor, direct: false).size == 4096)
    }

    @Test func whatIsNoDiskIsRefused() throws {
        func refusal(_ path: FilePath, writes: Bool = true) -> DiskFileError? {
            do throws(DiskFileError) {
                _ = try DiskFile.open(path, writes: writes, direct: false)
                return nil
            } catch {
                return error
            }
        }
        #expect(refusal(FilePath(directory)) == .directory)
        #expect(refusal(FilePath(directory), writes: false) == .directory)
        #expect(refusal("/dev/null") == .noDisk)
        let pipe = directory + "/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(refusal(FilePath(pipe), writes: false) == .noDisk)
        #expect(refusal(try image(511)) == .empty)
        #expect(refusal(FilePath(directory + "/none"))?.description == "cannot be opened: No such file or directory")
    }

    @Test(.enabled(if: getuid() != 0, "root may read and write everything"))
    func whatMayNotBeReadOrWrittenIsRefused() throws {
        #expect(throws: DiskFileError.notWritable(.permissionDenied)) {
            _ = try DiskFile.open(try self.image(mode: 0o400), writes: true, direct: false)
        }
        try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: directory + "/image")
        let error = #expect(throws: DiskFileError.self) {
            _ = try DiskFile.open(FilePath(self.directory + "/image"), writes: false, direct: false)
        }
        #expect(error?.description == "cannot be opened: Permission denied")
    }

    @Test func oneWritesOrManyRead() throws {
        let path = try image()
        do {
            let writer = try DiskFile.open(path, writes: true, direct: false)
            for writes in [true, false] {
                #expect(throws: DiskFileError.inUse(writes: writes)) {
                    _ = try DiskFile.open(path, writes: writes, direct: false)
                }
            }
            withExtendedLifetime(writer) {}
        }
        let readers = [try DiskFile.open(path, writes: false, direct: false).release()]
        let other = try DiskFile.open(path, writes: false, direct: false)
        #expect(throws: DiskFileError.inUse(writes: true)) {
            _ = try DiskFile.open(path, writes: true, direct: false)
        }
        for reader in readers { try reader.close() }
        withExtendedLifetime(other) {}
    }
}
