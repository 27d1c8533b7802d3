import Foundation
import Synchronization

/// A program that sends back what it gets, on many connections at once. It ends with this object.
final class EchoServer {
    private final class State: Sendable {
        let isOver = Atomic(false)
        let peak = Atomic(0)
    }

    private struct Client {
        let socket: HostSocket
        var bytes: ArraySlice<UInt8> = []
        var isEnding = false
    }

    private let state = State()
    private let done = DispatchSemaphore(value: 0)

    init(at path: String) throws {
        let listener = try HostSocket(listeningAt: path).released()
        _ = fcntl(listener, F_SETFL, O_NONBLOCK)
        let thread = Thread { [state, done] in
            Self.serve(HostSocket(listener), state)
            done.signal()
        }
        thread.start()
    }

    deinit {
        state.isOver.store(true, ordering: .relaxed)
        done.wait()
    }

    /// The most connections that there were at a time.
    var peak: Int { state.peak.load(ordering: .relaxed) }

    private static func serve(_ listener: HostSocket, _ state: State) {
        var clients: [Client] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while !state.isOver.load(ordering: .relaxed) {
            var entries = [pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0)]
            entries += clients.map {
                pollfd(fd: $0.socket.descriptor, events: Int16($0.bytes.isEmpty ? POLLIN : POLLOUT), revents: 0)
            }
            poll(&entries, nfds_t(entries.count), 100)
            let count = clients.count
            // All who wait, before anybody is served: so all who begin together are there together.
            while entries[0].revents != 0 {
                let descriptor = accept(listener.descriptor, nil, nil)
                guard descriptor >= 0 else { break }
                clients.append(Client(socket: HostSocket(descriptor)))
            }
            state.peak.store(max(clients.count, state.peak.load(ordering: .relaxed)), ordering: .relaxed)
            for index in 0..<count where entries[index + 1].revents != 0 {
                move(&clients[index], &buffer)
            }
            clients.removeAll { $0.isEnding }
        }
    }

    private static func move(_ client: inout Client, _ buffer: inout [UInt8]) {
        let flags = Int32(MSG_DONTWAIT | MSG_NOSIGNAL)
        if client.bytes.isEmpty {
            let count = recv(client.socket.descriptor, &buffer, buffer.count, flags)
            client.isEnding = count <= 0
            client.bytes = buffer[..<max(0, count)]
        }
        let count = client.bytes.withUnsafeBytes { send(client.socket.descriptor, $0.baseAddress, $0.count, flags) }
        if count > 0 { client.bytes = client.bytes.dropFirst(count) }
    }
}
