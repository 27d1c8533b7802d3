import Foundation
import Testing

/// Directories of the host, as Linux mounts them.
@Suite(.serialized, .needsKVMHost, .needsRoot) struct FileSystemTests {
    /// Few files: an emulated host takes its time for each.
    private static let tree = "/usr/include/linux/netfilter_ipv4"

    /// A tree is unpacked and read on a shared directory while memory comes and goes, some of which holds its pages.
    @Test(arguments: GuestKernel.each)
    func filesAreSoundWhileMemoryIsResized(_ kernel: GuestKernel) throws {
        let directory = try TemporaryDirectory()
        try run(["tar", "-C", "/usr/include/linux", "-cf", directory.file("tree.tar"), "netfilter_ipv4"])
        let arguments = [
            "--memory", "256M", "--virtio-mem", "id=vm0,size=1G,requested-size=128M",
            "--virtio-mem", "id=vm1,size=512M", "--share", "tag=data,path=\(directory.path)",
        ]
        try withGuest(kernel, arguments) { guest in
            try guest.waitForSize(.mebibytes(128), of: "vm0")
            try guest.run("mkdir /mnt && mount -t virtiofs data /mnt && cd /mnt && ls tree.tar")
            let rounds =
                "for i in 1 2; do mkdir d$i && tar xf tree.tar -C d$i || break; echo $i >>done; done; echo end >>done"
            try guest.run("(\(rounds)) >log 2>&1 & true")
            let deadline = Deadline(.seconds(240))
            while true {
                for (first, second) in [(384, 128), (128, 0)] as [(UInt64, UInt64)] {
                    try guest.resize("vm0", to: .mebibytes(first))
                    try guest.resize("vm1", to: .mebibytes(second))
                }
                let progress = (try? String(contentsOfFile: directory.file("done"), encoding: .utf8)) ?? ""
                if progress.hasSuffix("end\n") {
                    #expect(progress == "1\n2\nend\n")
                    break
                }
                try #require(!deadline.hasPassed, "only \(progress) is unpacked")
            }
            #expect(try String(contentsOfFile: directory.file("log"), encoding: .utf8) == "")
            for copy in ["d1", "d2"] {
                try run(["diff", "-r", Self.tree, directory.file("\(copy)/netfilter_ipv4")])
            }
            // What the guest reads is what the host has.
            try guest.run("echo 3 >/proc/sys/vm/drop_caches")
            let sums = "find . -type f | sort | xargs cat | md5sum | cut -c 1-32"
            let seen = try guest.run("(cd d1/netfilter_ipv4 && \(sums))", within: .seconds(180))
            #expect(
                seen
                    == (try Shell.output(of: [
                        "sh", "-c", "cd \(Self.tree) && \(sums.replacing("sort", with: "LC_ALL=C sort"))",
                    ])))
            try guest.run("cd / && umount /mnt && mount -t virtiofs data /mnt && ls /mnt/d1")
            try guest.resize("vm0", to: 0)
            try guest.requireHealthyKernel()
            try guest.quit()
        }
        try requireNoServer(of: directory.path)
    }

    /// What a machine may only read stays as it is, and its virtiofsd ends with it.
    @Test func readOnlyIsReadOnly() throws {
        let directory = try TemporaryDirectory()
        _ = try directory.write("a,b", Data("hello\n".utf8))
        try withGuest(.debian12(), ["--memory", "192M", "--share", "tag=ro,path=\(directory.path),readonly=on"]) {
            guest in
            try guest.run("mkdir /mnt && mount -t virtiofs ro /mnt")
            #expect(try guest.run("cat /mnt/a,b") == "hello\n")
            for command in ["echo x >/mnt/new", "echo x >/mnt/a,b", "rm /mnt/a,b", "mkdir /mnt/d", "chmod 7 /mnt/a,b"] {
                #expect(try guest.run("(\(command)) 2>&1; true").contains("Read-only file system"), "\(command)")
            }
            try guest.powerOff()
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["a,b"])
        try requireNoServer(of: directory.path)
    }

    /// Who is not root shares what is their own; virtiofsd gives up no group then.
    @Test func usersShareToo() throws {
        let directory = try TemporaryDirectory()
        _ = try directory.write("a", Data("hello\n".utf8))
        chmod(directory.path, 0o777)
        var status = stat()
        stat("/dev/kvm", &status)
        chmod("/dev/kvm", 0o666)
        defer { chmod("/dev/kvm", status.st_mode & 0o777) }
        // Root's own directories, where all this may be, can't be entered by another user.
        let (programs, kernel) = (try TemporaryDirectory(), GuestKernel.debian12(.bzImage))
        chmod(programs.path, 0o755)
        for file in [TestHost.swiftlet, TestHost.swiftlet + "-vmm", kernel.path, kernel.initialRAMDisk] {
            try run(["cp", file, programs.path])
        }
        let process = try SwiftletProcess(
            [
                "run", "--memory", "192M", "--share", "tag=mine,path=\(directory.path)",
                "--kernel", programs.file("vmlinuz"), "--initrd", programs.file("initrd"),
            ],
            prefix: ["setpriv", "--reuid=65534", "--regid=65534", "--groups=65534,27"],
            program: programs.file("swiftlet"))
        try reportingOutput(of: process) {
            try process.waitFor("guest# ", within: Guest.bootTime)
            try process.send("mkdir /mnt; mount -t virtiofs mine /mnt && cp /mnt/a /mnt/b && echo DO''NE\n")
            try process.waitFor("DONE")
            try process.send("poweroff\n")
            #expect(try process.waitUntilEnded(within: .seconds(60)) == .exited(0))
        }
        #expect(try String(contentsOfFile: directory.file("b"), encoding: .utf8) == "hello\n")
        stat(directory.file("b"), &status)
        #expect(status.st_uid == 65534)
        try requireNoServer(of: directory.path)
    }

    /// A directory is filled by one guest, and the next has it as its root.
    @Test(arguments: GuestKernel.each) func aDirectoryIsARoot(_ kernel: GuestKernel) throws {
        let root = try TemporaryDirectory()
        let share = ["--memory", "192M", "--share", "tag=rootfs,path=\(root.path)"]
        try withGuest(kernel, share) { guest in
            try guest.run("mkdir /mnt && mount -t virtiofs rootfs /mnt && mkdir /mnt/bin /mnt/etc")
            try guest.run("cp /bin/busybox /mnt/bin/ && /mnt/bin/busybox --install -s /mnt/bin")
            try guest.run("ln -sf busybox /mnt/bin/sh; echo this is it >/mnt/etc/issue")
            try guest.powerOff()
        }
        try withGuest(kernel, share + ["--cmdline", "swiftlet.root=rootfs,virtiofs"]) { guest in
            #expect(try guest.run("cat /etc/issue") == "this is it\n")
            #expect(try guest.run("grep ' / ' /proc/mounts").hasPrefix("rootfs / virtiofs rw"))
            try guest.run("echo written >/etc/answer; ls /proc/1 /sys/class /dev/null")
            try guest.requireHealthyKernel()
            try guest.powerOff()
        }
        #expect(try String(contentsOfFile: root.file("etc/answer"), encoding: .utf8) == "written\n")
    }

    /// A virtiofsd is killed while the guest uses it: the machine lives on, and after a reset it takes another one.
    @Test func aKilledServerIsReplacedAfterAReset() throws {
        let directory = try TemporaryDirectory()
        let data = try TemporaryDirectory()
        _ = try data.write("big", Data(count: 32 << 20))
        let socket = directory.file("virtiofsd.sock")
        var server = try startServer(of: data.path, at: socket)
        defer { server.terminate() }
        let arguments = [
            "--memory", "192M", "--virtio-mem", "id=vm0,size=512M", "--fs", "tag=data,socket=\(socket),id=shared",
        ]
        try withGuest(.debian12(), arguments) { guest in
            try guest.resize("vm0", to: .mebibytes(128))
            try guest.run("mkdir /mnt && mount -t virtiofs data /mnt && ls /mnt/big")
            try guest.run(
                "(while cat /mnt/big >/dev/null; do echo 3 >/proc/sys/vm/drop_caches; done) >/dev/null 2>&1 & true")
            // The one that serves is a child of the one that was started, and the first process of its namespace.
            for child in try Shell.output(of: ["pgrep", "-P", "\(server.processIdentifier)"]).split(separator: "\n") {
                kill(try #require(pid_t(child)), SIGKILL)
            }
            kill(server.processIdentifier, SIGKILL)
            try guest.process.waitForError("shared: the back-end has ended, or closed the connection")
            server.waitUntilExit()
            #expect(try guest.run("echo alive") == "alive\n")
            try guest.resize("vm0", to: .mebibytes(256))
            server = try startServer(of: data.path, at: socket)
            try #require(try guest.monitor("system_reset") == "")
            try guest.waitUntilReady()
            try guest.waitForShell()
            try guest.run("mkdir /mnt && mount -t virtiofs data /mnt")
            #expect(try guest.run("wc -c </mnt/big") == "\(32 << 20)\n")
            try guest.resize("vm0", to: .mebibytes(128))
            try guest.requireHealthyKernel()
            try guest.quit()
        }
    }

    /// What can't be is told before a machine is built.
    @Test(arguments: [
        (["--share", "tag=t,path=missing"], 1, "--share fs0: path missing: "),
        (["--share", "tag=t,path=file"], 1, "--share fs0: path file: not a directory"),
        (
            ["--fs", "tag=t,socket=missing"], 1,
            "--fs fs0: socket missing: no virtiofsd can be reached there: No such file"
        ),
        (
            ["--fs", "tag=t,socket=dead"], 1,
            "--fs fs0: socket dead: no virtiofsd can be reached there: Connection refused"
        ),
        (["--share", "tag=,path=/"], 64, "--share fs0: tag \"\" has 0 bytes"),
        (["--memory", "size=192M,backend=anonymous", "--share", "tag=t,path=/"], 64, "memory is not shared"),
    ])
    func whatCannotBeIsTold(_ arguments: [String], _ status: Int32, _ message: String) throws {
        let directory = try TemporaryDirectory()
        _ = try directory.write("file", Data("x".utf8))
        try #require(try Shell.output(of: ["python3", "-c", Self.deadSocket, directory.file("dead")]) == "")
        let process = try SwiftletProcess(
            ["-C", directory.path, TestHost.swiftlet, "run"] + GuestKernel.debian12().arguments + arguments,
            program: "/usr/bin/env")
        try reportingOutput(of: process) {
            try process.waitForError(message)
            #expect(try process.waitUntilEnded() == .exited(status))
        }
    }

    private static let deadSocket = "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])"

    /// Starts a virtiofsd, and waits for its socket.
    private func startServer(of directory: String, at socket: String) throws -> Process {
        try? FileManager.default.removeItem(atPath: socket)
        let server = Process()
        server.executableURL = URL(fileURLWithPath: "/usr/lib/qemu/virtiofsd")
        server.arguments = ["-f", "--socket-path=\(socket)", "-o", "source=\(directory)", "-o", "log_level=err"]
        server.standardError = FileHandle.nullDevice
        try server.run()
        let isThere = Deadline(.seconds(20)).poll { FileManager.default.fileExists(atPath: socket) ? true : nil }
        try #require(isThere == true, "virtiofsd made no socket")
        return server
    }

    /// Waits until no process serves a directory any more.
    private func requireNoServer(of directory: String) throws {
        let isGone = try Deadline(.seconds(10)).poll {
            let list = try Shell.output(of: ["ps", "-e", "-o", "stat=,args="]).split(separator: "\n")
            return list.contains { $0.contains("virtiofsd") && $0.contains(directory) } ? nil : true
        }
        #expect(isGone == true, "a virtiofsd is left")
    }

    private func run(_ command: [String]) throws {
        let text = try Shell.output(of: command)
        #expect(text == "", "\(command)")
    }
}
