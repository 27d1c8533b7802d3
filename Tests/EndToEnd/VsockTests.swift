import Foundation
import Host
import Testing

/// Connections between programs of the host and of a guest.
@Suite(.serialized, .needsKVMHost) struct VsockTests {
    private static let bootArguments = ["--memory", "512M"]

    private func withSockets(
        _ kernel: GuestKernel, _ arguments: [String] = bootArguments, _ body: (Guest, _ path: String) throws -> Void
    ) throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("vsock")
        try withGuest(kernel, arguments + ["--vsock", "cid=3,socket=\(path)"]) { guest in
            try body(guest, path)
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    private func startEcho(_ guest: Guest) throws {
        try guest.run("(vsock-echo 5000 >/tmp/echo 2>&1 &)")
        try guest.run("until grep -q listening /tmp/echo; do sleep 0.1; done")
    }

    /// A thousand at once, each way, with bytes of their own, while memory comes and goes.
    @Test(arguments: GuestKernel.each) func aThousandConnectionsEachWay(_ kernel: GuestKernel)
        throws
    {
        let count = 1000
        let size = 1 << 14
        DescriptorLimit.raise()
        try withSockets(kernel, Self.bootArguments + ["--virtio-mem", "id=vm0,size=1G"]) { guest, path in
            try startEcho(guest)
            try guest.resize("vm0", to: .mebibytes(256))
            let sockets = try (0..<count).map { _ in try HostSocket(port: 5000, of: path) }
            try SocketCrowd(sockets, size: size).exchange(within: .seconds(240))
            let server = try EchoServer(at: path + "_6000")
            _ = try guest.monitor("qom-set vm0 requested-size 0")
            let said = try guest.run("vsock-send 6000 \(size) \(count)", within: .seconds(240))
            #expect(said == "all \(count) connected\nintact \(count)\n")
            #expect(server.peak == count)
            try guest.waitForSize(0, of: "vm0")
            try guest.requireHealthyKernel()
            try guest.quit()
        }
    }

    @Test func slowProgramsHoldNobodyUp() throws {
        try withSockets(.debian12()) { guest, path in
            try startEcho(guest)
            let size = 4 << 20
            let slow = SocketCrowd(try (0..<8).map { _ in try HostSocket(port: 5000, of: path) }, size: size)
            // They fill all that there is between them and the guest's program.
            let taken = try slow.stuff(within: .seconds(60))
            #expect(taken.allSatisfy { $0 > 1 << 16 && $0 < size })
            let quick = SocketCrowd([try HostSocket(port: 5000, of: path)], size: 1 << 20)
            try quick.exchange(within: .seconds(60))
            try slow.exchange(within: .seconds(240))
            try guest.quit()
        }
    }

    @Test func whatCannotBeReachedIsClosed() throws {
        try withSockets(.debian13()) { guest, path in
            try startEcho(guest)
            let nobody = try HostSocket(connectedTo: path)
            try nobody.send("CONNECT 5001\n")
            #expect(try nobody.isClosed())
            let wrong = try HostSocket(connectedTo: path)
            try wrong.send("GET / HTTP/1.1\r\n\r\n")
            #expect(try wrong.isClosed())
            let silent = try HostSocket(connectedTo: path)
            #expect(try silent.isClosed())
            let refused = try guest.run("vsock-send 6000 8 1; true")
            #expect(refused.contains("vsock-send: connect: Connection reset by peer"))
            // A program that sends its first line in pieces, and more with it.
            let patient = try HostSocket(connectedTo: path)
            for text in ["CON", "NECT 50", "00\nhel"] {
                try patient.send(text)
                usleep(100_000)
            }
            try patient.send("lo\n")
            #expect(try patient.receiveLine().hasPrefix("OK "))
            #expect(try patient.receiveLine() == "hello")
            // A reset closes what there was, and what comes after works.
            try guest.monitor.send("system_reset")
            #expect(try patient.isClosed())
            try guest.waitUntilReady()
            try guest.waitForShell()
            try startEcho(guest)
            try SocketCrowd([try HostSocket(port: 5000, of: path)], size: 1 << 16).exchange(within: .seconds(60))
            try guest.quit()
        }
    }

    /// A host without descriptors to spare keeps programs waiting and refuses the guest, and goes on when it has some.
    @Test func noDescriptorsToSpare() throws {
        try withSockets(.debian12()) { guest, path in
            try startEcho(guest)
            let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(guest.pid)/fd").count
            try limitDescriptors(of: guest, to: open + 4)
            let sockets = try (0..<20).map { _ in try HostSocket(connectedTo: path) }
            for socket in sockets { try socket.send("CONNECT 5000\n") }
            try guest.process.waitForError("vsock: a program can't be let in for now: accept4: Too many open files")
            let server = try EchoServer(at: path + "_6000")
            #expect(try guest.run("vsock-send 6000 8 1; true").contains("Connection reset by peer"))
            try limitDescriptors(of: guest, to: 4096)
            for socket in sockets { #expect(try socket.receiveLine().hasPrefix("OK ")) }
            try SocketCrowd(sockets, size: 1 << 12).exchange(within: .seconds(60))
            #expect(try guest.run("vsock-send 6000 8 1") == "all 1 connected\nintact 1\n")
            withExtendedLifetime(server) {}
            try guest.quit()
        }
    }

    private func limitDescriptors(of guest: Guest, to count: Int) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["prlimit", "--pid", "\(guest.pid)", "--nofile=\(count):"]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }
}
