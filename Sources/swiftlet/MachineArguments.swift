import ArgumentParser
import Configuration

/// The options that describe a machine, as the parser reads them.
struct MachineArguments: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Text to append to the kernel's command line.", valueName: "text"))
    var cmdline = ""

    @Flag(help: "Leave the default command line out (see above).")
    var noDefaultCmdline = false

    @Flag(help: "Let the kernel tell what it does at boot: drop 'quiet' and 'loglevel=1'.")
    var verboseBoot = false

    @Option(
        help: ArgumentHelp(
            "What to call the machine: 'swiftlet list' shows it, and other commands find it by that.",
            valueName: "name"))
    var name: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "vCPUs and, with ',sockets=2,cores=2,threads=1' behind their number, their topology.", valueName: "n"))
    var cpus = MachineOptions.defaultProcessors

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Boot memory, such as 4G: K, M, G, T or bytes; or size=4G with the keys of a backend (see above). \
            (default: 512M, or with --numa what its nodes have)
            """,
            valueName: "size"))
    var memory: String?

    @Option(
        help: ArgumentHelp(
            "A NUMA node with its vCPUs and its share of the boot memory; may be repeated.",
            valueName: "node=0,cpus=0-1,memory=2G"))
    var numa: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            A virtio-mem device: up to 'size' of memory that can be plugged and unplugged while the guest runs. \
            Node and requested size are 0 and the block size is 2M, or the backend's page, where they are left out; \
            see above for further keys. May be repeated.
            """,
            valueName: "id=vm0,size=8G,node=0,requested-size=128M,block-size=2M"))
    var virtioMem: [String] = []

    @Option(
        help: ArgumentHelp(
            "A disk: a raw image or a block device; see above for further keys. May be repeated.",
            valueName: "path=root.img,id=root,readonly=on"))
    var disk: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            A network card, whose wire is a tap of the host; see above for further keys. May be repeated.
            """,
            valueName: "tap=tap0,id=net0,mac=52:54:00:12:34:56"))
    var net: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            A file system of the host (virtio-fs) that a virtiofsd serves at a socket; see above for further keys. May \
            be repeated.
            """,
            valueName: "tag=data,socket=virtiofsd.sock"))
    var fs: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            A directory of the host that the guest can mount by its tag: a virtiofsd is started for it, and ends with \
            the machine. May be repeated.
            """,
            valueName: "tag=data,path=/srv/data,readonly=on"))
    var share: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            Sockets between the guest and the host (virtio-vsock): the guest's number, 3 or more, and a Unix socket. \
            Programs connect there and send "CONNECT PORT" and a line feed; the guest's connections to the host's \
            ports go to whoever listens at that path with _PORT behind it.
            """,
            valueName: "cid=3,socket=vm.vsock"))
    var vsock: String?

    @Option(
        help: ArgumentHelp(
            "Whether the guest gets random numbers from the host (virtio-rng): on or off.", valueName: "switch"),
        completion: .list(["on", "off"]))
    var rng = MachineOptions.defaultRandomNumbers

    @Option(
        help: ArgumentHelp(
            """
            A balloon: memory that the guest gives back while it keeps the address space for it, by the monitor's \
            'balloon'. 'size' is what is in it from the start; the others are off where they are left out.
            """,
            valueName: "size=0,deflate-on-oom=on,free-page-reporting=on"))
    var balloon: String?

    @Option(
        help: ArgumentHelp("What a guest's reboot does: reset or exit.", valueName: "action"),
        completion: .list(RebootAction.allCases.map(\.rawValue)))
    var onReboot = MachineOptions.defaultRebootAction

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "When to say why a resize makes no progress; 0 for never.", valueName: "duration"))
    var resizeStall = MachineOptions.defaultResizeStall

    var options: MachineOptions {
        MachineOptions(
            cmdline: cmdline, noDefaultCmdline: noDefaultCmdline, verboseBoot: verboseBoot, name: name, cpus: cpus,
            memory: memory, numa: numa, virtioMem: virtioMem, disk: disk, net: net, fs: fs, share: share, vsock: vsock,
            rng: rng, balloon: balloon, onReboot: onReboot, resizeStall: resizeStall)
    }
}
