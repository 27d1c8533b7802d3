import Foundation
import Host
import QMPProtocol
import SystemPackage
import Testing

/// A client of QMP, and servers that do what machines do when they end.
@Suite struct QMPClientTests {
    /// Greets, agrees on capabilities, and is gone.
    @Test func aMachineThatEndsIsGone() throws {
        let path = FilePath("/tmp/swiftlet-qmp-\(UUID().uuidString)")
        let listener = try UnixSocket.listen(at: path)
        defer { unlink(path.string) }
        let greeted = DispatchSemaphore(value: 0)
        let thread = Thread {
            _ = ByteStream.waitUntilReadable(listener.descriptor, milliseconds: 10_000)
            guard let client = try? listener.descriptor.acceptConnection() else { return }
            _ = try? client.descriptor.writeAll("{\"QMP\": {}}\n".utf8)
            var answers = 0
            while answers == 0, ByteStream.waitUntilReadable(client.descriptor, milliseconds: 10_000) {
                if case .bytes = try? ByteStream.read(client.descriptor) { answers += 1 }
            }
            _ = try? client.descriptor.writeAll("{\"return\": {}}\n".utf8)
            // Closed with the thread's last use of it.
            withExtendedLifetime(client) {}
            greeted.signal()
        }
        thread.start()
        let client = try QMPClient(at: path)
        greeted.wait()
        usleep(10_000)
        do throws(QMPClient.Failure) {
            try client.execute("query-status")
            Issue.record("somebody answered")
        } catch {
            guard case .gone = error else { throw error }
        }
    }
}
