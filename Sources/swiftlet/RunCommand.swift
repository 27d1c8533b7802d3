import ArgumentParser
import Configuration
import Host
import SystemPackage

/// `swiftlet run`: everything is checked and opened here, then the process becomes `swiftlet-vmm`.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
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
              swiftlet run --cpus 4 --numa node=0,cpus=0-1,memory=2G \\
                      --numa node=1,cpus=2-3,memory=2G --numa node=2 \\
                      --virtio-mem id=vm0,size=8G,node=2
                  Three NUMA nodes, one of them for memory devices alone.

            THE DEFAULT COMMAND LINE of the kernel, before what --cmdline appends:
            \(defaultCommandLine)

            EXIT STATUS: 0 after the guest's poweroff, quit, Ctrl-A x, SIGTERM and --on-reboot exit; 64 for wrong \
            options; 1 for what the host or the start refuses.
            """)

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

    @OptionGroup var machine: MachineOptions

    @Option(
        help: ArgumentHelp("Where the serial port leads: stdio, pty, null or file:PATH.", valueName: "channel"),
        completion: .list(["stdio", "pty", "null", "file:"]))
    var serial = "stdio"

    @Option(
        help: ArgumentHelp("Where the monitor listens: stdio, unix:PATH or none.", valueName: "channel"),
        completion: .list(["stdio", "unix:", "none"]))
    var monitor = "none"

    private static var defaultCommandLine: String {
        KernelCommandLine.defaults.map { "  \($0.text)\n      \($0.explanation)" }.joined(separator: "\n")
    }

    func run() throws {
        let machine = try machine.machine()
        let serialOption = try SerialOption(optionText: serial)
        let monitorOption = try MonitorOption(optionText: monitor)
        try machine.validated(physicalAddressBits: HostProcessor().physicalAddressBits ?? 52)
        machine.warnings.forEach { complain("warning: \($0)") }

        // What leaves traces on the host (a log file, a socket) comes last.
        let vmm = try VMMProgram()
        let files = try BootFiles(kernel: kernel, initialRAMDisk: initrd, memory: machine.memory)
        try KVMDevice.check()
        // From here on it is the guest's process that is told to end: it cleans up.
        deferTermination()
        let serial = try SerialEnd(opening: serialOption, apartFrom: files.sources)
        let monitor = try MonitorEnd(opening: monitorOption)

        let request = LaunchRequest(
            machine: machine, kernel: files.kernel, initialRAMDisk: files.initialRAMDisk, serial: serial.channel,
            monitor: monitor.channel)
        if let problem = KVMDevice.warning(on: HostProcessor()) {
            complain("warning: \(problem)")
        }
        let error = vmm.become(request, keeping: files.descriptors + serial.descriptors + monitor.descriptors)
        monitor.removeSocket()
        throw error
    }
}
