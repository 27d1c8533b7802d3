import NIOCore

/// Bounds how many clients there are: for one more, the one that has asked nothing for the longest time has to go. It
/// belongs to the NIO loop.
final class ConnectionLimit {
    private struct Entry {
        let channel: any Channel
        let connection: APIConnection
    }

    private var entries: [Entry] = []

    /// Connections at a time.
    private static let most = 128

    func add(_ channel: any Channel, _ connection: APIConnection) {
        entries.append(Entry(channel: channel, connection: connection))
        channel.closeFuture.assumeIsolated().whenComplete { [self] _ in
            entries.removeAll { $0.channel === channel }
        }
        guard entries.count > Self.most else { return }
        let idle = entries.filter(\.connection.isIdle)
        let candidates = idle.isEmpty ? entries : idle
        candidates.min { $0.connection.lastUse < $1.connection.lastUse }?.channel.close(promise: nil)
    }
}
