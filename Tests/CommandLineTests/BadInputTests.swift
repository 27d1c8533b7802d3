import Foundation
import Testing

@Suite struct BadInputTests {
    private let installation: TestInstallation

    init() throws {
        installation = try TestInstallation()
    }

    /// Runs with some options and a kernel that is one; expects a refusal.
    private func refusal(_ arguments: String..., status: Int32) throws -> String {
        let kernel = try installation.makeKernel()
        let outcome = try installation.run(
            [installation.directory + "/swiftlet", "run", "--kernel", kernel] + arguments)
        #expect(outcome.status == status)
        #expect(outcome.output == "")
        #expect(outcome.errors.hasPrefix("swiftlet: ") && outcome.errors.hasSuffix("\n"))
        return String(outcome.errors.dropFirst("swiftlet: ".count).dropLast())
    }

    // MARK: Wrong options: 64

    private static let wrongOptions: [([String], String)] = [
        (["--memory", "0"], "--memory 0: a machine needs memory to boot, in multiples of 1M"),
        (
            ["--memory", "512.5M"],
            "--memory: \"512.5M\" is not a size: give bytes, or a number with K, M, G or T"
        ),
        (["--memory", "99999999T"], "--memory: 99999999T is too large: sizes end below 16777216T"),
        (["--cpus", "0"], "--cpus 0,sockets=1,cores=1,threads=1: a machine has 1 to 255 processors"),
        (["--cpus", "four"], "--cpus four: \"four\" is not a number; give 4 or 4,sockets=2,cores=2,threads=1"),
        (["--virtio-mem", "id=vm0,size=0"], "--virtio-mem vm0: size 0: a region has at least one block of 2M"),
        (["--virtio-mem", "id=vm0,size=3M"], "--virtio-mem vm0: size 3M is not a multiple of the block size 2M"),
        (
            ["--virtio-mem", "id=vm0,size=8G,requested-size=3M"],
            "--virtio-mem vm0: requested-size 3M is not a multiple of the block size 2M"
        ),
        (
            ["--virtio-mem", "id=vm0,size=8G,requested-size=9G"],
            "--virtio-mem vm0: requested-size 9G is more than the size 8G"
        ),
        (
            ["--virtio-mem", "id=vm0,size=16777216T"],
            "--virtio-mem id=vm0,size=16777216T: size 16777216T is too large: sizes end below 16777216T"
        ),
        (
            ["--virtio-mem", "id=vm0,size=8G", "--virtio-mem", "id=vm0,size=8G"],
            "--virtio-mem vm0: this id is given twice"
        ),
        (
            ["--virtio-mem", "id=vm0,size=8G,node=1"],
            "--virtio-mem vm0: there is no node 1: the nodes are 0 (see --numa)"
        ),
        (
            ["--virtio-mem", "size=8G"],
            "--virtio-mem size=8G: \"id\" is missing; the keys are id, size, node, requested-size, block-size, slot-size,"
                + " on-violation, unplugged-inaccessible, retry-interval, backend, share, hugepages, thp, prealloc,"
                + " reserve, host-nodes, policy, path"
        ),
        (["--numa", "node=0,cpus=0"], "--numa: no node has memory: give memory=SIZE to at least one"),
        (
            ["--numa", "node=0,cpus=0,memory=1G", "--memory", "2G"],
            "--numa: the nodes' memory adds up to 1G, but --memory is 2G"
        ),
        (
            ["--resize-stall", "soon"],
            "--resize-stall: \"soon\" is not a duration: give a number with ms, s, m or h, or 0"
        ),
        (
            ["--memory", "size=1G,share=on"],
            "--memory 1G: anonymous memory can't be shared: use backend=memfd for share=on"
        ),
        (["--numa", "node=0,memory=1G"], "--numa: no node has processor 0: give cpus=0 to one"),
        (["--numa", "node=0", "--memory", "1G"], "--numa: no node has processor 0: give cpus=0 to one"),
        (["--cpus", "-1"], "--cpus -1: \"-1\" is not a number; give 4 or 4,sockets=2,cores=2,threads=1"),
        (["--memory", "-1"], "--memory: -1 is negative, which a size can't be: the least is 0"),
        (
            ["--virtio-mem", "id=vm0,size=-1G"],
            "--virtio-mem id=vm0,size=-1G: size -1G is negative, which a size can't be: the least is 0"
        ),
        (["--serial", "tty"], "--serial tty: not one of stdio, pty, null, file:PATH and unix:PATH"),
        (["--balloon", "size=1G"], "--balloon size=1G: not less than the boot memory of 512M"),
        (["--console", "tty"], "--console tty: not one of stdio, pty, null, file:PATH and unix:PATH"),
        (
            ["--serial", "stdio", "--console", "stdio"],
            "--console stdio: the serial port has standard input and output; give --serial null, or leave it out"
        ),
        (
            ["--serial", "file:log", "--console", "file:log"],
            "--console file:log: the serial port leads to this file; give another one"
        ),
        (
            ["--detach", "--name", "a", "--console", "stdio"],
            "--console stdio: a machine in the background has no terminal (--detach)"
        ),
        (["--monitor", "tcp:1"], "--monitor tcp:1: not one of stdio, unix:PATH and none"),
        (["--log-level", "loud"], "--log-level loud: not one of debug, info, warning and error"),
        (["--log-format", "plain"], "--log-format plain: not one of text and json"),
        (["--detach"], "--detach: give the machine a name, by which it is found: --name NAME"),
        (
            ["--detach", "--name", "a", "--monitor", "stdio"],
            "--monitor stdio: a machine in the background has no terminal (--detach)"
        ),
        (["--on-reboot", "halt"], "--on-reboot halt: not one of reset and exit"),
        (["--name", ""], "--name: a name has 1 to 255 bytes and no control characters"),
    ]

    @Test(arguments: wrongOptions)
    func wrongOptionsEndWithStatus64(arguments: [String], message: String) throws {
        let outcome = try installation.run(
            [installation.directory + "/swiftlet", "run", "--kernel", "/nonexistent"] + arguments)
        #expect(outcome.status == 64)
        #expect(outcome.errors == "swiftlet: \(message)\n")
        #expect(outcome.output == "")
    }

    @Test func sizesBeyondTheAddressSpace() throws {
        let memory = try installation.swiftlet("run", "--memory", "8192T")
        #expect(memory.status == 64)
        #expect(
            memory.errors.hasPrefix("swiftlet: --memory 8192T: too large: the processor's ")
                && memory.errors.contains(" physical address bits reach "))
        let device = try installation.swiftlet("run", "--virtio-mem", "id=vm0,size=8192T")
        #expect(device.status == 64)
        #expect(
            device.errors.hasPrefix(
                "swiftlet: --virtio-mem vm0: size 8192T is too large: the region would begin at 4G, and the"
                    + " processor's "))
    }

    @Test(arguments: [
        (["run", "--nonsense"], "unknown option '--nonsense'"),
        (["run", "--cpus"], "missing value for '--cpus <n>'"),
        (["walk"], "unexpected argument 'walk'"),
        (["run", "stray"], "unexpected argument 'stray'"),
        (["doctor", "--cpus", "1"], "unknown option '--cpus'"),
    ])
    func whatIsNoOptionEndsWithStatus64(arguments: [String], message: String) throws {
        let outcome = try installation.run([installation.directory + "/swiftlet"] + arguments)
        #expect(outcome.status == 64)
        #expect(
            outcome.errors == "swiftlet: \(message)\n"
                + "See 'swiftlet --help' and, for a command, 'swiftlet COMMAND --help'.\n")
    }

    @Test(arguments: [
        (["resize", "web", "vm0", "-1"], "-1 is negative, which a size can't be: the least is 0"),
        (["resize", "web", "vm0", "-1G"], "-1G is negative, which a size can't be: the least is 0"),
        (
            ["stop", "web", "--timeout", "-5s"],
            "--timeout -5s: \"-5s\" is not a duration: give a number with ms, s, m or h, or 0"
        ),
    ])
    func whatIsLessThanNothingEndsWithStatus64(arguments: [String], message: String) throws {
        let outcome = try installation.run([installation.directory + "/swiftlet"] + arguments)
        #expect(outcome.status == 64)
        #expect(outcome.errors == "swiftlet: \(message)\n")
    }

    // MARK: What the start refuses: 1

    @Test func kernelsThatAreNone() throws {
        let directory = installation.directory
        let kernel = try installation.makeKernel()
        let contents = Array(try #require(FileManager.default.contents(atPath: kernel)))
        var small = contents
        small[4] = 1
        let cases = [
            (
                try installation.write("text", Array("hello".utf8)),
                "not a kernel: neither a Linux bzImage nor an ELF file"
            ),
            (try installation.write("empty", []), "the file is empty"),
            (
                try installation.write("short", Array(contents.prefix(0x1800))),
                "truncated: the file has 6144 bytes, and its header speaks of 8192"
            ),
            (try installation.write("small", small), "not a 64-bit x86 kernel"),
            (directory, "a directory, not a kernel"),
            (directory + "/missing", "cannot be read: No such file or directory"),
        ]
        for (path, message) in cases {
            let outcome = try installation.swiftlet("run", "--kernel", path)
            #expect(outcome.status == 1)
            #expect(outcome.errors == "swiftlet: --kernel \(path): \(message)\n")
        }
    }

    @Test func memoryMustHoldTheKernelAndTheInitrd() throws {
        try installation.write("big", [UInt8](repeating: 0, count: 20 << 20))
        let outcome = try refusal("--initrd", "big", "--memory", "20M", status: 1)
        #expect(
            outcome == "--initrd big: its size, 20M, doesn't fit: beside the kernel, --memory 20M has room for 15M")
        #expect(
            try refusal("--memory", "16M", status: 1).hasSuffix(
                "vmlinux: it is loaded up to 16388K, which --memory 16M does not have"))
    }

    @Test func initrdsThatAreNone() throws {
        try installation.write("empty", [])
        #expect(try refusal("--initrd", "empty", status: 1) == "--initrd empty: the file is empty")
        #expect(
            try refusal("--initrd", "missing", status: 1)
                == "--initrd missing: cannot be read: No such file or directory")
        #expect(
            try refusal("--initrd", installation.directory, status: 1)
                == "--initrd \(installation.directory): a directory, not a file")
        #expect(try refusal("--initrd", "/dev/zero", status: 1) == "--initrd /dev/zero: not a regular file")
    }

    @Test func aGuestThatWasNotBuilt() throws {
        let outcome = try installation.swiftlet("run")
        #expect(outcome.status == 1)
        #expect(
            outcome.errors
                == "swiftlet: no --kernel is given, and \(installation.directory)/cache/guest/default/vmlinuz is not"
                + " there: GuestImages/build makes it\n")
    }

    @Test func aVMMThatIsNotThere() throws {
        try FileManager.default.removeItem(atPath: installation.directory + "/swiftlet-vmm")
        let outcome = try installation.swiftlet("run", "--kernel", try installation.makeKernel())
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("/swiftlet-vmm: No such file or directory. It belongs beside "))
    }

    // MARK: /dev/kvm

    private static let canChangeDevices: Bool =
        geteuid() == 0 && (try? TestInstallation().run(["unshare", "-m", "true"]).status) == 0

    @Test(.enabled(if: canChangeDevices, "needs root and mount namespaces"))
    func withoutKVMTheWayToGetItIsNamed() throws {
        let kernel = try installation.makeKernel()
        let program = installation.directory + "/swiftlet"
        let missing = try installation.run([
            "unshare", "-m", "sh", "-c",
            "mount -t tmpfs none /dev && : > /dev/null && exec \(program) run --kernel \(kernel) --serial file:log",
        ])
        #expect(missing.status == 1)
        #expect(missing.errors.hasPrefix("swiftlet: /dev/kvm is missing, and guests run on nothing else. "))
        #expect(missing.errors.hasSuffix("\n'swiftlet doctor' tells what this host can do.\n"))
        // Nothing was opened in vain.
        #expect(!FileManager.default.fileExists(atPath: installation.directory + "/log"))
    }

    @Test(.enabled(if: canChangeDevices, "needs root and mount namespaces"))
    func withoutPermissionTheWayToGetItIsNamed() throws {
        let kernel = try installation.makeKernel()
        let program = installation.directory + "/swiftlet"
        let denied = try installation.run(
            [
                "unshare", "-m", "sh", "-c",
                "mount -t tmpfs none /dev && : > /dev/null && : > /dev/kvm && chmod 600 /dev/kvm"
                    + " && exec setpriv --reuid 65534 --regid 65534 --clear-groups \(program) run --kernel \(kernel)",
            ], environment: ["SWIFTLET_CACHE": "/nonexistent"])
        #expect(denied.status == 1)
        #expect(
            denied.errors
                == "swiftlet: /dev/kvm: permission denied. Join the group that may use it, then log in again:"
                + " sudo usermod -aG kvm $USER\n'swiftlet doctor' tells what this host can do.\n")
    }
}
