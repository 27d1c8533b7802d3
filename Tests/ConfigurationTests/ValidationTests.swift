import Configuration
import Testing

@Suite struct ValidationTests {
    @Test func theDefaultsAreValid() throws {
        let configuration = MachineConfiguration()
        try configuration.validated()
        #expect(configuration.processors.count == 1)
        #expect(configuration.memory == 512 << 20)
        #expect(configuration.warnings == [])
    }

    /// One mistake each, and the message that it must give.
    private static let mistakes: [(@Sendable (inout MachineConfiguration) -> Void, String)] = [
        ({ $0.name = "" }, "--name: a name has 1 to 255 bytes and no control characters"),
        ({ $0.name = "a\nb" }, "--name: a name has 1 to 255 bytes and no control characters"),
        ({ $0.memory = 0 }, "--memory 0: a machine needs memory to boot, in multiples of 1M"),
        ({ $0.memory = 100 << 10 }, "--memory 100K: not a multiple of 1M"),
        (
            { $0.memory = 1 << 50 },
            "--memory 1024T: too large: the processor's 40 physical address bits reach 1T"
        ),
        (
            { $0.memory = UInt64.max & ~0xfffff },
            "--memory 17592186044415M: too large: the processor's 40 physical address bits reach 1T"
        ),
        (
            { $0.processors = 0 },
            "--cpus 0,sockets=1,cores=1,threads=1: a machine has 1 to 255 processors"
        ),
        (
            { $0.processors = 256 },
            "--cpus 256,sockets=1,cores=256,threads=1: a machine has 1 to 255 processors"
        ),
        (
            { $0.processors = ProcessorTopology(count: 4, sockets: 3) },
            "--cpus 4,sockets=3,cores=1,threads=1: sockets times cores times threads is 3, not 4"
        ),
        (
            { $0.processors = ProcessorTopology(count: 4, sockets: 0) },
            "--cpus 4,sockets=0,cores=1,threads=1: sockets 0 is not between 1 and 255"
        ),
        (
            { $0.processors = ProcessorTopology(count: 195, sockets: 65, cores: 3, threads: 1) },
            "--cpus 195,sockets=65,cores=3,threads=1: this arrangement needs APIC identifiers up to 258, and 254 is"
                + " the highest: give cores and threads as powers of two, or fewer sockets"
        ),
        (
            { $0.commandLine = String(repeating: "x", count: 2048) },
            "--cmdline: the kernel's command line has 2048 bytes with the defaults; 2047 is the most"
        ),
        (
            { $0.commandLine = "a\0b" },
            "--cmdline: the kernel's command line contains a zero byte, which would end it"
        ),
        (
            { $0.memoryBackend = MemoryBackend(.hugetlbfs, hugePageSize: .oneGibibyte) },
            "--memory 512M: not a multiple of the backend's pages of 1G"
        ),
        (
            { $0.memoryBackend = MemoryBackend(.anonymous, isShared: true) },
            "--memory 512M: anonymous memory can't be shared: use backend=memfd for share=on"
        ),
        (
            { $0.resizeStall = 8760 * 3_600_000 + 1 },
            "--resize-stall: 31536000001ms is too long: durations end at 8760h"
        ),
    ]

    @Test(arguments: mistakes.indices)
    func mistakesOfTheMachine(index: Int) {
        var configuration = MachineConfiguration()
        Self.mistakes[index].0(&configuration)
        #expect(mistake { try configuration.validated(physicalAddressBits: 40) } == Self.mistakes[index].1)
    }

    private static let deviceMistakes: [(String, String)] = [
        ("id=,size=1G", "--virtio-mem: id \"\" is not made of 1 to 64 letters, digits and the signs - _ ."),
        ("id=a b,size=1G", "--virtio-mem: id \"a b\" is not made of 1 to 64 letters, digits and the signs - _ ."),
        ("id=é,size=1G", "--virtio-mem: id \"é\" is not made of 1 to 64 letters, digits and the signs - _ ."),
        ("id=vm0,size=0", "--virtio-mem vm0: size 0: a region has at least one block of 2M"),
        ("id=vm0,size=3M", "--virtio-mem vm0: size 3M is not a multiple of the block size 2M"),
        (
            "id=vm0,size=8G,requested-size=3M",
            "--virtio-mem vm0: requested-size 3M is not a multiple of the block size 2M"
        ),
        ("id=vm0,size=8G,requested-size=9G", "--virtio-mem vm0: requested-size 9G is more than the size 8G"),
        (
            "id=vm0,size=512G,block-size=4K",
            "--virtio-mem vm0: size 512G has 134217728 blocks of 4K, and 16777216 is the most: give a larger block-size"
        ),
        (
            "id=vm0,size=8T,block-size=8T",
            "--virtio-mem vm0: block-size 8T is too large: a block lies in one of KVM's slots, which have at most 4T"
        ),
        ("id=vm0,size=8G,block-size=3M", "--virtio-mem vm0: block-size 3M is not a power of two of at least 4K"),
        ("id=vm0,size=8G,block-size=0", "--virtio-mem vm0: block-size 0 is not a power of two of at least 4K"),
        ("id=vm0,size=8G,block-size=2K", "--virtio-mem vm0: block-size 2K is not a power of two of at least 4K"),
        ("id=vm0,size=8G,node=1", "--virtio-mem vm0: there is no node 1: the nodes are 0 (see --numa)"),
        (
            "id=vm0,size=1T",
            "--virtio-mem vm0: size 1T is too large: the region would begin at 4G, and the processor's 40 physical"
                + " address bits reach 1T"
        ),
        (
            "id=vm0,size=18446744073707454464",
            "--virtio-mem vm0: size 17592186044414M is too large: the region would begin at 4G, and the processor's"
                + " 40 physical address bits reach 1T"
        ),
    ]

    private static let backendMistakes = [
        ("slot-size=3M", "slot-size 3M is not a power of two"),
        ("slot-size=0", "slot-size 0 is not a power of two"),
        (
            "slot-size=1M", "slot-size 1M is less than the block size 2M: a slot holds whole blocks"
        ),
        ("slot-size=8T", "slot-size 8T is too large: KVM's slots have at most 4T"),
        ("backend=file", "backend=file needs a directory or a file: give path=/var/tmp"),
        ("backend=memfd,path=/x", "backend=memfd has no path: backend=file and backend=hugetlbfs have one"),
        ("path=/x", "backend=anonymous has no path: backend=file and backend=hugetlbfs have one"),
        ("backend=file,path=", "path is empty or contains a zero byte"),
        ("share=on", "anonymous memory can't be shared: use backend=memfd for share=on"),
        ("hugepages=2M", "hugepages is for backend=hugetlbfs alone; backend=anonymous has thp=on"),
        ("backend=hugetlbfs,thp=on", "thp=on is not for backend=hugetlbfs, whose pages are huge anyway"),
        (
            "backend=memfd,reserve=on",
            "reserve=on can't be had for backend=memfd, which the host accounts for as it is touched: use"
                + " prealloc=on, or another backend"
        ),
        (
            "host-nodes=0-1,policy=preferred",
            "policy=preferred takes one node: give one host-nodes=N, or policy=bind"
        ),
        (
            "block-size=4K,backend=hugetlbfs", "block-size 4K is less than the backend's pages of 2M"
        ),
    ]

    @Test(arguments: backendMistakes)
    func mistakesOfBackendsAndSlots(text: String, message: String) throws {
        let configuration = MachineConfiguration(
            memoryDevices: [try MemoryDevice(optionText: "id=vm0,size=8G,\(text)")])
        #expect(mistake { try configuration.validated() } == "--virtio-mem vm0: \(message)")
    }

    @Test(arguments: [
        "slot-size=2M", "slot-size=4T", "backend=memfd", "backend=memfd,share=off,reserve=on", "backend=hugetlbfs",
        "backend=hugetlbfs,hugepages=1G,reserve=on,path=/mnt", "backend=file,reserve=on,share=off,path=x,y",
        "thp=off,prealloc=on,reserve=on,host-nodes=0-7,policy=interleave", "host-nodes=1,policy=preferred",
        "retry-interval=0,on-violation=reset,unplugged-inaccessible=auto",
    ])
    func backendsThatCanBe(text: String) throws {
        let configuration = MachineConfiguration(
            memoryDevices: [try MemoryDevice(optionText: "id=vm0,size=8G,\(text)")])
        try configuration.validated()
    }

    @Test(arguments: deviceMistakes)
    func mistakesOfAMemoryDevice(text: String, message: String) throws {
        let configuration = MachineConfiguration(memoryDevices: [try MemoryDevice(optionText: text)])
        #expect(mistake { try configuration.validated(physicalAddressBits: 40) } == message)
    }

    @Test func anIDMayNotRepeat() throws {
        let device = MemoryDevice(id: "vm0", size: 1 << 30)
        let configuration = MachineConfiguration(memoryDevices: [device, device])
        #expect(mistake { try configuration.validated() } == "--virtio-mem vm0: this id is given twice")
    }

    @Test func atLeast64MemoryDevicesFitAndTooManyAreAnError() throws {
        var configuration = MachineConfiguration(
            memoryDevices: (0..<64).map { MemoryDevice(id: "vm\($0)", size: 8 << 30) })
        try configuration.validated(physicalAddressBits: 40)
        configuration.memoryDevices = (0..<257).map { MemoryDevice(id: "vm\($0)", size: 2 << 20) }
        #expect(
            mistake { try configuration.validated() }
                == "--virtio-mem: the machine would have 258 virtio devices; 256 is the most")
    }

    private static let nodeMistakes: [([String], String)] = [
        (["node=0,cpus=0-3,memory=4G", "node=0"], "--numa node=0: this node is given twice"),
        (["node=256,cpus=0-3,memory=4G"], "--numa node=256: nodes have the numbers 0 to 255"),
        (["node=0,cpus=0-4,memory=4G"], "--numa node=0: there is no processor 4: --cpus gives 0 to 3"),
        (["node=0,cpus=0-3,memory=4G", "node=1,cpus=1"], "--numa node=1: processor 1 is in node 0 already"),
        (["node=0,cpus=0-3,cpus=1,memory=4G"], "--numa node=0: processor 1 is twice in this node"),
        (["node=0,cpus=0-2,memory=4G"], "--numa: no node has processor 3: give cpus=3 to one"),
        (["node=0,cpus=1,memory=4G"], "--numa: no node has processors 0, 2-3: give cpus=0,cpus=2-3 to one"),
        (["node=0,cpus=0-3,memory=3G"], "--numa: the nodes' memory adds up to 3G, but --memory is 4G"),
        (["node=0,cpus=0-3,memory=1K"], "--numa node=0: memory 1K is not a multiple of 1M"),
        (
            ["node=0,cpus=0-3,memory=16777215T", "node=1,memory=16777215T"],
            "--numa node=1: memory 16777215T is too large"
        ),
    ]

    @Test(arguments: nodeMistakes)
    func mistakesOfNodes(texts: [String], message: String) throws {
        let configuration = MachineConfiguration(
            processors: 4, memory: 4 << 30, nodes: try texts.map { try NUMANode(optionText: $0) })
        #expect(mistake { try configuration.validated() } == message)
    }

    @Test func aNodeMayHaveNeitherProcessorsNorMemory() throws {
        let configuration = MachineConfiguration(
            nodes: [NUMANode(id: 0, processors: [0], memory: 512 << 20), NUMANode(id: 2)],
            memoryDevices: [MemoryDevice(id: "vm0", size: 1 << 30, node: 2)])
        try configuration.validated()
        var wrong = configuration
        wrong.memoryDevices[0].node = 1
        #expect(
            mistake { try wrong.validated() }
                == "--virtio-mem vm0: there is no node 1: the nodes are 0, 2 (see --numa)")
    }

    @Test func oddSizesGiveAWarningThatSaysWhy() {
        let configuration = MachineConfiguration(memoryDevices: [
            MemoryDevice(id: "vm0", size: 8 << 30, requestedSize: 128 << 20),
            MemoryDevice(id: "vm1", size: 130 << 20, requestedSize: 80 << 20),
        ])
        let reason =
            " is not a multiple of 128M: it works, but more slowly, because Linux unplugs the odd part in"
            + " pieces of 2M, with a request for each"
        #expect(
            configuration.warnings == [
                "--virtio-mem vm1: size 130M" + reason, "--virtio-mem vm1: requested-size 80M" + reason,
            ])
    }

    @Test func apicIdentifiersAreBitFields() {
        let topology = ProcessorTopology(count: 12, sockets: 2, cores: 3, threads: 2)
        #expect((0..<12).map { topology.apicIdentifier(of: $0) } == [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13])
        #expect((0..<255).map { ProcessorTopology(count: 255).apicIdentifier(of: $0) } == Array(0..<255))
    }
}
