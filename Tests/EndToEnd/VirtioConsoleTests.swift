import Foundation
import Testing

/// The virtio console, as Linux uses it.
@Suite(.serialized, .needsKVMHost) struct VirtioConsoleTests {
    /// Bytes of every value, the same each time.
    private static let pattern: [UInt8] = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }

    /// Has the guest write back what it gets there, byte by byte.
    private func beginEcho(_ guest: Guest) throws {
        // Kept open: the terminal's mode is lost when nobody has it.
        try guest.run("exec 5<>/dev/hvc0 && stty raw -echo <&5 && (cat <&5 >&5 &)")
    }

    /// Sends bytes, and takes what comes back, side by side.
    private func echo(_ bytes: [UInt8], over descriptor: Int32, _ source: ByteSource) throws {
        let before = source.bytes.count
        var rest = bytes[...]
        let deadline = Deadline(.seconds(120))
        try #require(fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) == 0)
        while source.bytes.count - before < bytes.count {
            try #require(!deadline.hasPassed, "\(source.bytes.count - before) of \(bytes.count) came back")
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 { rest = rest.dropFirst(count) }
            ByteSource.wait(for: [source], until: Deadline(.milliseconds(20)))
        }
        let isIntact = source.bytes[before...].elementsEqual(bytes)
        try #require(isIntact)
    }

    /// Several can look on, and each may type.
    @Test(arguments: GuestKernel.each) func aSocket(_ kernel: GuestKernel) throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("hvc0")
        try withGuest(kernel, ["--memory", "128M", "--console", "unix:\(path)"]) { guest in
            // Nobody is there: what the guest says holds nobody.
            try guest.run("seq 5000 >/tmp/lines && dd if=/tmp/lines of=/dev/hvc0 bs=4k 2>/dev/null")
            try beginEcho(guest)
            let client = ByteSource(try connect(to: path))
            let before = Deadline(.seconds(30))
            while client.take(through: "4999\r\n5000\r\n") == nil {
                try #require(!before.hasPassed, "\(client.text.suffix(200))")
                ByteSource.wait(for: [client], until: before)
            }
            try echo(Self.pattern, over: client.descriptor, client)
            let other = ByteSource(try connect(to: path))
            try echo(Array("from another\n".utf8), over: other.descriptor, client)
            try guest.requireHealthyKernel()
            try guest.quit()
        }
        #expect(access(path, F_OK) != 0)
    }

    private func connect(to path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0, "\(path)")
        return descriptor
    }

    @Test(arguments: GuestKernel.each) func aPseudoTerminal(_ kernel: GuestKernel) throws {
        try withGuest(kernel, ["--memory", "128M", "--console", "pty"]) { guest in
            try guest.process.waitForError("console: ")
            let path = try guest.process.waitForError("\n")
            let descriptor = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
            try #require(descriptor >= 0, "\(path)")
            let terminal = ByteSource(descriptor)
            try beginEcho(guest)
            // That somebody has it open is noticed within a moment; until then what is written there is lost.
            sleep(1)
            try echo(Array(Self.pattern.prefix(50_000)), over: descriptor, terminal)
            try guest.quit()
        }
    }

    /// The guest's shell on this terminal, whose size it knows; the serial port leads nowhere.
    @Test(arguments: GuestKernel.each) func aTerminal(_ kernel: GuestKernel) throws {
        let process = try SwiftletProcess(
            ["run", "--memory", "128M", "--console", "stdio", "--cmdline", "console=hvc0"] + kernel.arguments,
            streams: .terminal)
        let terminal = try #require(process.terminal)
        try setSize(of: terminal, columns: 100, rows: 30)
        let state = terminal.state
        try reportingOutput(of: process) {
            try process.waitFor("guest# ", within: Guest.bootTime)
            try process.send("stty size; cat /sys/class/tty/console/active\n")
            try process.waitFor("\n30 100")
            try process.waitFor("ttyS0 hvc0")
            try process.waitFor("guest# ")
            try setSize(of: terminal, columns: 90, rows: 25)
            process.child.send(signal: SIGWINCH)
            let deadline = Deadline(.seconds(30))
            repeat {
                try #require(!deadline.hasPassed)
                try process.send("stty size\n")
            } while try !process.waitFor("guest# ").contains("\n25 90")
            // The keys are the serial port's.
            try process.send("sh -c 'echo begi\"\"nning; exec sleep 10000'\n")
            try process.waitFor("beginning")
            try process.send("\u{3}")
            try process.waitFor("guest# ")
            try process.send("\u{1}h")
            try process.waitFor("Ctrl-A x  quit")
            try process.send("\u{1}x")
            try #require(try process.waitUntilEnded() == .exited(0))
            try #require(terminal.state == state)
        }
    }

    private func setSize(of terminal: Terminal, columns: UInt16, rows: UInt16) throws {
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        try #require(ioctl(terminal.master, UInt(TIOCSWINSZ), &size) == 0)
    }

    @Test func aFile() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("log", Data("of another run".utf8))
        try withGuest(.debian12(), ["--memory", "128M", "--console", "file:\(path)"]) { guest in
            try guest.run("seq 3000 >/tmp/lines && dd if=/tmp/lines of=/dev/hvc0 bs=4k 2>/dev/null")
            try guest.powerOff()
        }
        let lines = (1...3000).map { "\($0)\r\n" }.joined()
        let isIntact = try String(contentsOfFile: path, encoding: .utf8) == lines
        #expect(isIntact)
    }

    /// A machine in the background has both, and `swiftlet console` shows either.
    @Test func bothOfAMachineWithAName() throws {
        let swiftlet = CommandLine(directory: try TemporaryDirectory())
        defer { _ = try? SwiftletProcess(["kill", "web"], environment: swiftlet.environment).waitUntilEnded() }
        let path = swiftlet.directory.file("hvc0")
        let arguments = ["--name", "web", "--memory", "128M", "--console", "unix:\(path)", "--cmdline", "console=hvc0"]
        try swiftlet.run(["run", "--detach"] + GuestKernel.debian12().arguments + arguments)
        #expect(try swiftlet("config", "web").output.contains("console: \"unix:\(path)\"\n"))
        let process = try SwiftletProcess(
            ["console", "web", "--virtio"], streams: .terminal, environment: swiftlet.environment)
        try reportingOutput(of: process) {
            try process.waitFor("guest# ", within: Guest.bootTime)
            try process.send("echo over the s''erial port >/dev/ttyS0\n")
            try process.waitFor("guest# ")
            try process.send("\u{1}x")
            try #require(try process.waitUntilEnded() == .exited(0))
        }
        let serial = try SwiftletProcess(["console", "web"], streams: .terminal, environment: swiftlet.environment)
        try reportingOutput(of: serial) {
            try serial.waitFor("over the serial port")
            try serial.send("\u{1}x")
            try #require(try serial.waitUntilEnded() == .exited(0))
        }
    }
}
