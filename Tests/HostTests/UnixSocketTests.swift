import Glibc
import SystemPackage
import Synchronization
import Testing

import class Dispatch.DispatchQueue
import class Foundation.FileManager
import struct Foundation.UUID

@testable import Host

@Suite final class UnixSocketTests {
    private let directory: String
    private let path: FilePath

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("socket-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        path = FilePath(directory).appending("socket")
    }

    deinit {
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// As a killed process leaves one.
    private func leaveSocket() throws {
        let socket = try UnixSocket.listen(at: path)
        withExtendedLifetime(socket) {}
    }

    @Test func itIsItsOwnersAlone() throws {
        let socket = try UnixSocket.listen(at: path)
        #expect(try Stat(path).permissions == .ownerReadWriteExecute)
        withExtendedLifetime(socket) {}
    }

    @Test func whatADeadProcessLeftMakesWay() throws {
        try leaveSocket()
        #expect(throws: SystemCallError.self) { _ = try UnixSocket.listen(at: self.path) }
        let socket = try UnixSocket.listen(replacingLeftoverAt: path)
        #expect(try UnixSocket.isListenedAt(path))
        #expect(throws: SystemCallError.self) { _ = try UnixSocket.listen(replacingLeftoverAt: self.path) }
        #expect(try UnixSocket.isListenedAt(path))
        withExtendedLifetime(socket) {}
    }

    @Test func whatIsNoSocketStays() throws {
        #expect(FileManager.default.createFile(atPath: path.string, contents: nil))
        let error = #expect(throws: SystemCallError.self) {
            _ = try UnixSocket.listen(replacingLeftoverAt: self.path)
        }
        #expect(error?.errno == .addressInUse)
        #expect(FileManager.default.fileExists(atPath: path.string))
    }

    /// Of many that find it left, one has it, and nobody takes it from that one.
    @Test func oneReplacesIt() throws {
        let path = path
        for round in 0..<20 {
            try leaveSocket()
            let sockets = Mutex<[FileDescriptor]>([])
            DispatchQueue.concurrentPerform(iterations: 8) { _ in
                guard let socket = try? UnixSocket.listen(replacingLeftoverAt: path) else { return }
                let descriptor = socket.release()
                sockets.withLock { $0.append(descriptor) }
            }
            let winners = sockets.withLock { $0 }
            #expect(winners.count == 1, "round \(round)")
            #expect(try UnixSocket.isListenedAt(path))
            for winner in winners { try winner.close() }
            try path.removeFile()
        }
    }
}
