import Host
import JSON
import QMPProtocol
import Synchronization
import SystemPackage

/// A connection to a machine's QMP for several threads, one command at a time.
final class ControlConnection: Sendable {
    private let path: FilePath
    /// Nil where an answer did not come in time: a late one is not to be taken for another's.
    private let client: Mutex<QMPClient?>

    /// Milliseconds until a machine that has just been started is there.
    private static let patience: UInt64 = 60_000

    /// - Parameter isRunning: whether the machine's process is there, for one whose socket isn't yet.
    /// - Throws: `QMPClient.Failure`.
    init(at path: FilePath, while isRunning: () -> Bool) throws {
        self.path = path
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: Self.patience)
        while true {
            do throws(QMPClient.Failure) {
                client = Mutex(try QMPClient(at: path))
                return
            } catch .gone where MonotonicInstant.now() < deadline && isRunning() {
                pauseBriefly()
            } catch {
                throw error
            }
        }
    }

    /// - Throws: `QMPClient.Failure`.
    func execute(_ command: String, _ arguments: [JSONValue.Member]) throws -> JSONValue {
        try client.withLock { client in
            if client == nil { client = try QMPClient(at: path) }
            guard let connection = client else { throw QMPClient.Failure.gone }
            do throws(QMPClient.Failure) {
                let answer = try connection.execute(command, arguments)
                // Events are for others; here they would only gather.
                while try connection.nextEvent(until: .now()) != nil {}
                return answer
            } catch {
                if case .silent = error { client = nil }
                throw error
            }
        }
    }
}
