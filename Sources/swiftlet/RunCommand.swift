import ArgumentParser
import Configuration

/// `swiftlet run`, as the parser reads it and `--help` explains it. What it does is in `RunOptions`.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: RunOptions.command,
        // It is parsed by itself (`Swiftlet.command`). With this, the parser does not first look for options that ask for
        // completion scripts, which takes a fifth of the time of the front end.
        _superCommandName: "swiftlet",
        abstract: "Boot a guest.",
        discussion: """
            EXAMPLES:
              swiftlet run
                  The guest that GuestImages/build made, on this terminal.
                  Ctrl-A x quits, Ctrl-A h helps.
              swiftlet run --kernel vmlinuz --initrd initrd.img --cpus 4 --memory 2G
              swiftlet run --virtio-mem id=vm0,size=8G,requested-size=1G \\
                      --monitor unix:vm.sock
                  Memory that can grow to 8G, and a monitor that changes it:
                  qom-set vm0 requested-size 4G
              swiftlet run --name web --detach --virtio-mem id=vm0,size=8G
                  A machine in the background, for 'swiftlet console web',
                  'swiftlet resize web vm0 2G' and 'swiftlet stop web'.
              swiftlet run --disk path=data.img --disk path=/dev/sdb,readonly=on
                  Two disks, /dev/vda and /dev/vdb in the guest.
              swiftlet run --net tap=tap0
                  A network card whose other end is the interface tap0, which
                  'ip tuntap add dev tap0 mode tap user $USER' makes.
              swiftlet run --share tag=src,path=/usr/src,readonly=on
                  A directory of the host; in the guest: mount -t virtiofs src /mnt
              swiftlet run --console stdio --cmdline console=hvc0
                  This terminal is the guest's virtio console, which takes fewer
                  VM exits than the serial port.
              swiftlet run --vsock cid=3,socket=vm.vsock
                  Programs reach the guest's port 5000 by that socket, with
                  "CONNECT 5000" as their first line.
              swiftlet run --config web.yaml --memory 2G
                  The machine that a file describes, with other boot memory.
              swiftlet run --memory size=1G,backend=memfd,prealloc=on \\
                      --virtio-mem id=vm0,size=8G,backend=file,path=/var/tmp
                  Boot memory that is populated, and more of it on a disk.
              swiftlet run --cpus 4 --numa node=0,cpus=0-1,memory=2G \\
                      --numa node=1,cpus=2-3,memory=2G --numa node=2 \\
                      --virtio-mem id=vm0,size=8G,node=2
                  Three NUMA nodes, one of them for memory devices alone.

            FURTHER KEYS of --virtio-mem:
            \(deviceKeys)

            FURTHER KEYS of --disk:
            \(diskKeys)

            FURTHER KEYS of --net:
            \(networkKeys)

            FURTHER KEYS of --fs:
            \(fileSystemKeys)

            BACKENDS: what memory is made of, as keys of --virtio-mem and of --memory:
            \(backendKeys)

            THE DEFAULT COMMAND LINE of the kernel, before what --cmdline appends:
            \(defaultCommandLine)

            EXIT STATUS: 0 after the guest's poweroff, quit, Ctrl-A x, SIGTERM and --on-reboot exit; 64 for wrong \
            options; 1 for what the host or the start refuses.
            """)

    @Option(
        help: ArgumentHelp(
            """
            A file with these options, by their names, in YAML or JSON, as 'swiftlet config' prints it. What is given \
            beside it counts instead.
            """, valueName: "path"),
        completion: .file())
    var config: String?

    @Option(
        help: ArgumentHelp(
            "The guest's kernel: a bzImage, or an ELF vmlinux. (default: the guest that GuestImages/build made)",
            valueName: "path"),
        completion: .file())
    var kernel: String?

    @Option(
        help: ArgumentHelp("The guest's initial RAM disk. (default: none beside --kernel)", valueName: "path"),
        completion: .file())
    var initrd: String?

    @OptionGroup var machine: MachineArguments

    @Flag(help: "Start it in the background, once it runs; needs --name.")
    var detach = false

    @Option(
        help: ArgumentHelp(
            """
            Where the serial port leads: stdio, pty, null, file:PATH or unix:PATH. (default: stdio, with --detach a \
            socket for 'swiftlet console', with --console stdio null)
            """, valueName: "channel"),
        completion: .list(["stdio", "pty", "null", "file:", "unix:"]))
    var serial: String?

    @Option(
        help: ArgumentHelp(
            """
            Gives the guest a virtio console, hvc0, and says where it leads, as --serial does. Linux writes its \
            messages there with --cmdline console=hvc0. (default: none)
            """, valueName: "channel"),
        completion: .list(["stdio", "pty", "null", "file:", "unix:"]))
    var console: String?

    @Option(
        help: ArgumentHelp("Where the monitor listens: stdio, unix:PATH or none.", valueName: "channel"),
        completion: .list(["stdio", "unix:", "none"]))
    var monitor = RunOptions.noMonitor

    @Option(
        help: ArgumentHelp("Where clients of QMP connect: unix:PATH. May be repeated.", valueName: "channel"),
        completion: .list(["unix:"]))
    var qmp: [String] = []

    @Option(
        help: ArgumentHelp(
            "A pipe that the machine was started with: it ends when the pipe's other end is closed.",
            valueName: "fd=n"))
    var endWith: String?

    @OptionGroup var log: LogArguments

    private static var defaultCommandLine: String {
        list(KernelCommandLine.defaults.map { ($0.text, $0.explanation) })
    }

    private static let deviceKeys = list([
        ("slot-size=SIZE", "how much memory a slot of KVM covers (default: a sixteenth of the region, 128M to 1G)"),
        ("on-violation=stop|reset|exit", "what touching unplugged memory does (default: stop)"),
        ("unplugged-inaccessible=on|auto", "auto: drivers may read it, such as Linux before 5.16 (default: on)"),
        ("retry-interval=DURATION", "the longest time until a driver is reminded, 0 for never (default: 1s)"),
    ])

    private static let diskKeys = list([
        ("direct=on|off", "read and write past the host's cache (default: off)"),
        (
            "cache=writeback|unsafe",
            "unsafe ignores flushes: what is written is lost with the host (default: writeback)"
        ),
        ("discard=on|off", "what the guest discards is given back to the host (default: on)"),
        ("serial=TEXT", "what the guest gets as its serial number, at most 20 bytes"),
        ("queues=N", "queues, 1 to 16 (default: 1)"),
        ("queue-size=N", "descriptors of each, a power of two from 4 to 1024 (default: 256)"),
    ])

    private static let networkKeys = list([
        ("fd=N", "instead of tap: its open descriptor, or with several queues theirs, as in 3:4"),
        ("queues=N", "pairs of queues, 1 to 16, of a tap made with multi_queue (default: 1)"),
        ("mtu=N", "the largest packet that the guest sends, 68 to 65535 (default: what the guest likes)"),
        ("offload=on|off", "host and guest leave checksums and segments to each other (default: on)"),
        ("vhost=on|off", "the host's kernel serves the queues by itself (default: off)"),
    ])

    private static let fileSystemKeys = list([
        ("queues=N", "queues for requests, 1 to 16, of which virtiofsd has 1 (default: 1)"),
        ("queue-size=N", "descriptors of each, a power of two from 4 to 1024 (default: 1024)"),
    ])

    private static let backendKeys = list([
        (
            "backend=anonymous|memfd|hugetlbfs|file",
            "where it comes from (default: anonymous; with --fs or --share, memfd)"
        ),
        ("share=on|off", "whether others that have the file see it (default: on, but for anonymous)"),
        ("hugepages=2M|1G", "pages of backend=hugetlbfs (default: 2M)"),
        ("thp=on|off", "transparent huge pages (default: on, but for hugetlbfs)"),
        ("prealloc=on|off", "populate it before the guest gets it, or refuse (default: off, but for hugetlbfs)"),
        ("reserve=on|off", "account for all of it at the start (default: off)"),
        ("host-nodes=0-1", "NUMA nodes of the host that it comes from; may be repeated"),
        ("policy=bind|preferred|interleave", "how it is spread over them (default: bind)"),
        ("path=PATH", "for file and hugetlbfs, the last key: a directory, or a file to create"),
    ])

    private static func list(_ entries: [(word: String, explanation: String)]) -> String {
        entries.map { "  \($0.word)\n      \($0.explanation)" }.joined(separator: "\n")
    }

    var options: RunOptions {
        RunOptions(
            config: config, kernel: kernel, initrd: initrd, machine: machine.options, detach: detach, serial: serial,
            console: console, monitor: monitor, qmp: qmp, endWith: endWith, log: log.options)
    }

    func run() throws { try options.perform() }
}
