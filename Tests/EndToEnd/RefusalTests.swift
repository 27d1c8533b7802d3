import Foundation
import Testing

/// What is refused, or goes wrong on the host, where a guest could run: each with its message. `CommandLineTests` has
/// what needs no KVM.
@Suite(.serialized, .needsKVMHost) struct RefusalTests {
    private static let kernel = GuestKernel.debian12()

    /// Runs `swiftlet run` to its end.
    ///
    /// - Returns: its exit status and what it wrote to standard error.
    private func refusal(
        _ arguments: [String], prefix: [String] = [], program: String = TestHost.swiftlet
    ) throws -> (status: ChildProcess.Status, message: String) {
        let process = try SwiftletProcess(["run"] + arguments, prefix: prefix, program: program)
        let status = try process.waitUntilEnded()
        return (status, process.errors.text)
    }

    @Test func initialRAMDiskTooBigForMemory() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("initrd")
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        try #require(truncate(path, 300 << 20) == 0)
        let (status, message) = try refusal(["--kernel", Self.kernel.path, "--initrd", path, "--memory", "256M"])
        #expect(status == .exited(1))
        #expect(message.hasPrefix("swiftlet: --initrd \(path): its size, 300M, doesn't fit"), "\(message)")
    }

    @Test func monitorSocketThatExists() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("monitor")
        let first = try SwiftletProcess(
            ["run"] + Self.kernel.arguments + ["--memory", "128M", "--monitor", "unix:\(path)"])
        try reportingOutput(of: first) {
            let monitor = try MonitorClient(path: path, of: first)
            let (status, message) = try refusal(Self.kernel.arguments + ["--monitor", "unix:\(path)"])
            #expect(status == .exited(1))
            #expect(message.contains("--monitor unix:\(path): a process listens there already"), "\(message)")
            // The first one is not disturbed, and takes its socket away when it ends.
            try #require(try monitor("info status") == "VM status: running\n")
            try monitor.send("quit")
            try #require(try first.waitUntilEnded() == .exited(0))
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    /// A socket that a killed machine left is in nobody's way.
    @Test func monitorSocketLeftBehind() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("monitor")
        let arguments = ["run"] + Self.kernel.arguments + ["--memory", "128M", "--monitor", "unix:\(path)"]
        let first = try SwiftletProcess(arguments)
        try reportingOutput(of: first) {
            _ = try MonitorClient(path: path, of: first)
            first.child.end()
        }
        try #require(FileManager.default.fileExists(atPath: path))
        let second = try SwiftletProcess(arguments)
        try reportingOutput(of: second) {
            let monitor = try MonitorClient(path: path, of: second)
            #expect(try monitor("info status") == "VM status: running\n")
            try monitor.send("quit")
            try #require(try second.waitUntilEnded() == .exited(0))
        }
    }

    /// The guest waits where its log can't be written, and goes on where it can again.
    @Test(.needsRoot) func fullDiskUnderTheSerialPort() throws {
        let directory = try TemporaryDirectory()
        let disk = directory.file("disk")
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: false)
        try #require(mount("none", disk, "tmpfs", 0, "size=64k") == 0)
        defer { umount2(disk, Int32(MNT_DETACH)) }
        let (log, ballast) = (disk + "/log", disk + "/ballast")
        try Data(count: 60 << 10).write(to: URL(fileURLWithPath: ballast))
        let monitorPath = directory.file("monitor")
        // Talkative, so that the disk is full soon.
        let process = try SwiftletProcess(
            [
                "run", "--memory", "128M", "--verbose-boot", "--serial", "file:\(log)", "--monitor",
                "unix:\(monitorPath)",
            ]
                + Self.kernel.arguments)
        try reportingOutput(of: process) {
            let monitor = try MonitorClient(path: monitorPath, of: process)
            try process.waitForError("--serial file:\(log): No space left on device")
            // It lives on, and can be talked to.
            try #require(try monitor("info status") == "VM status: running\n")
            try FileManager.default.removeItem(atPath: ballast)
            let ready = Deadline(Guest.bootTime).poll {
                (try? String(contentsOfFile: log, encoding: .utf8))?.contains("swiftlet guest ready") == true
                    ? true : nil
            }
            try #require(ready == true)
            let text = try String(contentsOfFile: log, encoding: .utf8)
            // Nothing is lost: each line of the kernel's follows the one before.
            try #require(text.contains("Linux version") && text.contains("Run /init as init process"), "\(text)")
            try monitor.send("quit")
            try #require(try process.waitUntilEnded() == .exited(0))
        }
    }

    @Test(.needsRoot) func kvmWithoutPermission() throws {
        let directory = try TemporaryDirectory()
        try #require(chmod(directory.path, 0o755) == 0)
        // Somebody without rights must be able to read them.
        var arguments: [String] = []
        for (option, source) in [("--kernel", Self.kernel.path), ("--initrd", Self.kernel.initialRAMDisk)] {
            let copy = directory.file(String(option.dropFirst(2)))
            try FileManager.default.copyItem(atPath: (source as NSString).resolvingSymlinksInPath, toPath: copy)
            arguments += [option, copy]
        }
        for name in ["swiftlet", "swiftlet-vmm"] {
            let source = ((TestHost.swiftlet as NSString).deletingLastPathComponent as NSString)
            try FileManager.default.copyItem(
                atPath: source.appendingPathComponent(name), toPath: directory.file(name))
        }
        var device = stat()
        try #require(stat("/dev/kvm", &device) == 0)
        try #require(chmod("/dev/kvm", 0o600) == 0)
        defer { chmod("/dev/kvm", device.st_mode & 0o7777) }
        let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        let (status, message) = try refusal(arguments, prefix: nobody, program: directory.file("swiftlet"))
        #expect(status == .exited(1))
        #expect(message.contains("/dev/kvm: permission denied") && message.contains("usermod -aG kvm"), "\(message)")
    }

    @Test(.needsRoot) func noKVM() throws {
        // In a mount namespace of its own, /dev is empty.
        let hidden = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /dev && exec \"$0\" \"$@\""]
        let (status, message) = try refusal(Self.kernel.arguments, prefix: hidden)
        #expect(status == .exited(1))
        #expect(message.contains("/dev/kvm is missing") && message.contains("modprobe kvm"), "\(message)")
    }
}
