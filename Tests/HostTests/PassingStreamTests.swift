import CLinux
import Foundation
import Host
import SystemPackage
import Testing

/// Descriptors that come along with bytes.
@Suite struct PassingStreamTests {
    /// Sends bytes, and descriptors with the first of them.
    private static func send(_ text: String, _ descriptors: [FileDescriptor], to socket: FileDescriptor) {
        let numbers = descriptors.map(\.rawValue)
        var control = [UInt8](repeating: 0, count: 16 + 4 * numbers.count)
        control.withUnsafeMutableBytes { control in
            control.storeBytes(of: 16 + 4 * numbers.count, as: Int.self)
            control.storeBytes(of: SOL_SOCKET, toByteOffset: 8, as: CInt.self)
            // SCM_RIGHTS
            control.storeBytes(of: 1, toByteOffset: 12, as: CInt.self)
            for (index, number) in numbers.enumerated() {
                control.storeBytes(of: number, toByteOffset: 16 + 4 * index, as: CInt.self)
            }
        }
        var bytes = Array(text.utf8)
        let sent = bytes.withUnsafeMutableBytes { bytes in
            control.withUnsafeMutableBytes { control in
                var part = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
                return withUnsafeMutablePointer(to: &part) { part in
                    var message = msghdr()
                    message.msg_iov = part
                    message.msg_iovlen = 1
                    if !numbers.isEmpty {
                        message.msg_control = control.baseAddress
                        message.msg_controllen = control.count
                    }
                    return sendmsg(socket.rawValue, &message, 0)
                }
            }
        }
        #expect(sent == bytes.count)
    }

    /// A pipe's end for reading with a text in it.
    private static func pipe(with text: String) throws -> FileDescriptor {
        let pipe = try FileDescriptor.pipe()
        try pipe.writeEnd.writeAll(text.utf8)
        try pipe.writeEnd.close()
        return pipe.readEnd
    }

    @Test func descriptorsComeWithTheirBytes() throws {
        let (near, far) = try makeByteChannel()
        defer { try? near.close() }
        guard case .wouldBlock = try PassingStream.read(near, limit: 100) else {
            Issue.record("something came")
            return
        }
        Self.send("plain", [], to: far)
        guard case .bytes(let plain, let none) = try PassingStream.read(near, limit: 100) else {
            Issue.record("nothing came")
            return
        }
        #expect(plain == Array("plain".utf8) && none.isEmpty)
        let pipes = try ["one", "two"].map { try Self.pipe(with: $0) }
        Self.send("with two", pipes, to: far)
        try pipes.forEach { try $0.close() }
        guard case .bytes(let bytes, let passed) = try PassingStream.read(near, limit: 100) else {
            Issue.record("nothing came")
            return
        }
        #expect(bytes == Array("with two".utf8))
        #expect(try passed.map { try ByteStream.read($0.descriptor) } == ["one", "two"].map { .bytes(Array($0.utf8)) })
        #expect(passed.allSatisfy { fcntl($0.rawValue, F_GETFD) == FD_CLOEXEC })
        try far.close()
        guard case .end = try PassingStream.read(near, limit: 100) else {
            Issue.record("it goes on")
            return
        }
    }

    @Test func tooManyAreClosed() throws {
        let (near, far) = try makeByteChannel()
        defer { [near, far].forEach { try? $0.close() } }
        let pipe = try Self.pipe(with: "")
        defer { try? pipe.close() }
        Self.send("x", Array(repeating: pipe, count: PassingStream.maximumDescriptorCount), to: far)
        guard case .bytes(_, let passed) = try PassingStream.read(near, limit: 100) else {
            Issue.record("nothing came")
            return
        }
        #expect(passed.count == PassingStream.maximumDescriptorCount)
        let watched = try FileDescriptor.pipe()
        defer { try? watched.readEnd.close() }
        Self.send("y", Array(repeating: watched.writeEnd, count: PassingStream.maximumDescriptorCount + 1), to: far)
        try watched.writeEnd.close()
        guard case .tooManyDescriptors = try PassingStream.read(near, limit: 100) else {
            Issue.record("they are taken")
            return
        }
        #expect(try ByteStream.read(watched.readEnd) == .end, "nobody has one of them any more")
    }
}
