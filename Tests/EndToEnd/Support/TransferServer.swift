import Foundation
import Testing

/// A program behind a network that guests get bytes from and send bytes to, with a sum of them each time. It ends with
/// this value.
final class TransferServer {
    /// Serves whoever connects: port 9000 sends 24 MiB, port 9001 answers with the sum of what came.
    private static let program = """
        import hashlib, socketserver, threading
        data = bytes(range(256)) * 4 + b"x"
        data = (data * (24 * 1024 * 1024 // len(data) + 1))[:24 * 1024 * 1024]
        class Send(socketserver.BaseRequestHandler):
            def handle(self): self.request.sendall(data)
        class Sum(socketserver.BaseRequestHandler):
            def handle(self):
                sum = hashlib.md5()
                while piece := self.request.recv(1 << 16): sum.update(piece)
                self.request.sendall(sum.hexdigest().encode() + b"\\n")
        socketserver.ThreadingTCPServer.allow_reuse_address = True
        servers = [socketserver.ThreadingTCPServer(("", 9000 + n), kind) for n, kind in enumerate((Send, Sum))]
        threads = [threading.Thread(target=server.serve_forever) for server in servers]
        for thread in threads: thread.start()
        """
    private static let expectedSum: String = {
        let command = """
            python3 -c 'import hashlib; data = bytes(range(256)) * 4 + b"x"; n = 24 * 1024 * 1024
            print(hashlib.md5((data * (n // len(data) + 1))[:n]).hexdigest())'
            """
        return ((try? Shell.run(command))?.text ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
    }()

    private let child: ChildProcess

    init(behind network: HostNetwork) throws {
        child = try network.start(["python3", "-c", Self.program])
        let deadline = Deadline(.seconds(60))
        _ = try deadline.poll(every: 200) { try network.runBehind("ss -tln").contains(":9001") ? true : nil }
    }

    deinit { child.end() }

    /// Has a guest get and send bytes, both at once.
    func begin(with guest: Guest) throws {
        try guest.run("dd if=/dev/urandom of=/tmp/x bs=1M count=16 2>/dev/null; rm -f /tmp/in /tmp/out")
        try guest.run("(nc \(HostNetwork.peer) 9000 </dev/null | md5sum >/tmp/in) & true")
        try guest.run("(nc \(HostNetwork.peer) 9001 </tmp/x >/tmp/out) & true")
    }

    /// Waits for what was begun. The guest's sum of what it got, and the server's of what it was sent, are what they
    /// must be.
    func finish(with guest: Guest) throws {
        try guest.run("wait; cat /tmp/in /tmp/out >/dev/null", within: .seconds(240))
        #expect(try guest.run("cut -c 1-32 /tmp/in") == Self.expectedSum + "\n")
        #expect(try guest.run("md5sum </tmp/x | cut -c 1-32") == guest.run("cat /tmp/out"))
    }

    func transfer(with guest: Guest, whileItRuns body: () throws -> Void = {}) throws {
        try begin(with: guest)
        try body()
        try finish(with: guest)
    }
}

extension Guest {
    /// Gives its network card an address, and reaches the host's namespace.
    func bringUpNetwork() throws {
        try run("ip addr add \(HostNetwork.guest)/24 dev eth0 && ip link set eth0 up")
        try run("ping -c 3 -i 0.2 -w 30 \(HostNetwork.peer) >/dev/null")
    }
}
