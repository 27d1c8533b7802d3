import JSON
import Testing

@testable import CloudHypervisor

/// What `vm.create` makes of a configuration.
@Suite struct ConfigTests {
    private static func arguments(_ members: String) throws -> [String] {
        let body = #"{"payload": {"kernel": "/k"}\#(members.isEmpty ? "" : ", ")\#(members)}"#
        return try VMConfig(body: Array(body.utf8)).arguments(firstNumber: 4)
    }

    private static let defaults =
        "panic=-1 pci=off 8250.nr_uarts=1 cryptomgr.notests noreplace-smp swiotlb=noforce memhp_default_state=online_movable"

    @Test func whatNeedNotBeSaid() throws {
        #expect(
            try Self.arguments("") == [
                "--kernel=/k", "--no-default-cmdline", "--cmdline=\(Self.defaults)",
                "--cpus=1,sockets=1,cores=1,threads=1", "--memory=512M", "--serial=null",
            ])
    }

    @Test func whatKataSends() throws {
        let body = """
            {"payload": {"kernel": "/k", "initramfs": "/i", "cmdline": "quiet root=/dev/ram0"},
             "cpus": {"boot_vcpus": 1, "max_vcpus": 8, "kvm_hyperv": false, "topology":
               {"threads_per_core": 1, "cores_per_die": 8, "dies_per_package": 1, "packages": 1}},
             "memory": {"size": 2147483648, "hotplug_size": 25202524160, "mergeable": false, "hotplug_method": "Acpi",
               "shared": true, "hugepages": false, "prefault": false, "thp": true},
             "rng": {"src": "/dev/urandom", "iommu": false}, "serial": {"mode": "Off", "iommu": false},
             "console": {"mode": "Off", "iommu": false}, "iommu": false, "watchdog": false, "landlock_enable": false}
            """
        let config = try VMConfig(body: Array(body.utf8))
        #expect(
            try config.arguments(firstNumber: 4) == [
                "--kernel=/k", "--no-default-cmdline", "--cmdline=\(Self.defaults) quiet root=/dev/ram0",
                "--cpus=1,sockets=1,cores=1,threads=1", "--memory=size=2G,backend=memfd", "--serial=null",
                "--initrd=/i",
                "--virtio-mem=id=mem0,size=24034M,node=0,requested-size=0,block-size=2M,backend=memfd",
            ])
        #expect(config.notes.count == 4, "\(config.notes)")
        #expect(config.notes.contains { $0.hasPrefix("memory.hotplug_method: ") })
        let told = config.json()
        #expect(told["memory"]?["hotplug_size"] == 25_202_524_160 && told["cpus"]?["max_vcpus"] == 8)
    }

    @Test func zonesInNodes() throws {
        let arguments = try Self.arguments(
            """
            "cpus": {"boot_vcpus": 2, "max_vcpus": 2},
            "memory": {"size": 0, "zones": [{"id": "a", "size": 1073741824, "hotplug_size": 1073741824, "host_numa_node": 0},
              {"id": "b", "size": 1073741824, "host_numa_node": 1},
              {"id": "c", "size": 0, "hotplug_size": 2147483648, "hotplugged_size": 134217728, "hugepages": true}]},
            "numa": [{"guest_numa_id": 0, "cpus": [0], "memory_zones": ["a"]},
              {"guest_numa_id": 1, "cpus": [1], "memory_zones": ["b"]}, {"guest_numa_id": 2, "memory_zones": ["c"]}]
            """)
        #expect(
            arguments.suffix(7) == [
                "--memory=size=2G,host-nodes=0-1,policy=bind", "--serial=null", "--numa=node=0,cpus=0,memory=1G",
                "--numa=node=1,cpus=1,memory=1G", "--numa=node=2",
                "--virtio-mem=id=a,size=1G,node=0,requested-size=0,block-size=2M,host-nodes=0,policy=bind",
                "--virtio-mem=id=c,size=2G,node=2,requested-size=128M,block-size=2M,backend=hugetlbfs,share=off",
            ], "\(arguments)")
        #expect(arguments.contains("--cpus=2,sockets=2,cores=1,threads=1"), "a node is a socket")
    }

    @Test(arguments: [
        (#""serial": {"mode": "Tty"}"#, "--serial=stdio"), (#""serial": {"mode": "Pty"}"#, "--serial=pty"),
        (#""serial": {"mode": "File", "file": "/tmp/a b"}"#, "--serial=file:/tmp/a b"),
        (#""serial": {"mode": "Socket", "socket": "/tmp/s"}"#, "--serial=unix:/tmp/s"),
        (#""serial": {"mode": "Null"}"#, "--serial=null"), (#""console": {"mode": "Tty"}"#, "--console=stdio"),
        (#""console": {"mode": "Null"}"#, "--console=null"), (#""console": {"mode": "Pty"}"#, "--console=pty"),
        (#""console": {"mode": "File", "file": "/tmp/c"}"#, "--console=file:/tmp/c"),
        (#""memory": {"size": 1073741824, "prefault": true}"#, "--memory=size=1G,prealloc=on"),
        (#""memory": {"size": 1073741824, "thp": false, "reserve": true}"#, "--memory=size=1G,thp=off,reserve=on"),
        (
            #""memory": {"size": 1073741824, "shared": true, "hugepages": true, "hugepage_size": 1073741824}"#,
            "--memory=size=1G,backend=hugetlbfs,hugepages=1G"
        ),
        (
            #""cpus": {"boot_vcpus": 4, "max_vcpus": 4, "topology": {"threads_per_core": 2, "packages": 2}}"#,
            "--cpus=4,sockets=2,cores=1,threads=2"
        ),
    ])
    func whatBecomesOfFields(members: String, argument: String) throws {
        let arguments = try Self.arguments(members)
        #expect(arguments.contains(argument), "\(arguments)")
    }

    @Test func theConsoleIsNamedWhereItLeadsSomewhere() throws {
        #expect(try Self.arguments(#""serial": {"mode": "Tty"}"#)[2].hasPrefix("--cmdline=console=ttyS0 panic=-1"))
    }

    private static let refusals: [(String, String)] = [
        (#"{"payload": {}}"#, "payload.kernel: is missing: there is no firmware that would find one"),
        ("{}", "payload: is missing"), ("{", "the body: JSON parse error, the text ends within a value"),
        (#"{"payload": 5}"#, "payload: must be an object, not a number"),
        (#"{"payload": {"kernel": ""}}"#, "payload.kernel: is empty or contains a zero byte"),
        (
            #"{"payload": {"firmware": "/f"}}"#,
            "payload.firmware: there is no firmware: give payload.kernel, a bzImage or an ELF vmlinux"
        ),
        (
            #"{"payload": {"kernel": "/k"}, "memory": {"size": 5}}"#,
            "memory.size: not a multiple of 1M"
        ),
        (
            #"{"payload": {"kernel": "/k"}, "memory": {"size": 0}}"#,
            "memory.size: a machine needs memory to boot, in multiples of 1M"
        ),
        (
            #"{"payload": {"kernel": "/k"}, "memory": {"size": 1048576, "hotplug_size": 4194304, "hotplugged_size": 5}}"#,
            "memory: requested-size 5 is not a multiple of the block size 2M"
        ),
        (
            #"{"payload": {"kernel": "/k"}, "memory": {"size": 1048576, "hotplugged_size": 5}}"#,
            "memory.hotplugged_size: is 5, more than the hotplug_size 0"
        ),
        (
            #"{"payload": {"kernel": "/k"}, "memory": {"size": 1048576, "hotplug_method": "Magic"}}"#,
            "memory.hotplug_method: is \"Magic\"; it may be Acpi, VirtioMem"
        ),
        (
            #"{"payload": {"kernel": "/k"}, "memory": {"size": 9223372036854775807, "hotplug_size": 9223372036854775807}}"#,
            "memory: all memory together has more than 9223372036854775807 bytes"
        ),
        (
            #"{"payload": {"kernel": "/k"}, "memory": {"size": 1, "zones": [{"id": "a", "size": 1}]}}"#,
            "memory.size: is 1; with zones it must be 0, and the zones have sizes"
        ),
        (
            #"{"payload": {"kernel": "/k"}, "memory": {"size": 0, "zones": [{"id": "a", "size": 1}, {"id": "a", "size": 1}]}}"#,
            "memory.zones[1].id: \"a\" is given twice"
        ),
        (
            #"{"payload": {"kernel": "/k"}, "memory": {"size": 0, "zones": [{"id": "a", "size": 1048576}]}, "numa": [{"guest_numa_id": 0, "memory_zones": ["b"]}]}"#,
            "numa[0].memory_zones[0]: there is no memory zone \"b\""
        ),
        (
            #"{"payload": {"kernel": "/k"}, "memory": {"size": 0, "zones": [{"id": "a b", "size": 1048576, "hotplug_size": 2097152}]}}"#,
            "memory.zones: id \"a b\" is not made of 1 to 64 letters, digits and the signs - _ ."
        ),
        (
            #"{"payload": {"kernel": "/k"}, "cpus": {"boot_vcpus": 4, "max_vcpus": 2}}"#,
            "cpus.max_vcpus: is 2, less than the boot_vcpus 4"
        ),
        (
            #"{"payload": {"kernel": "/k"}, "cpus": {"boot_vcpus": 0, "max_vcpus": 2}}"#,
            "cpus.boot_vcpus: must be a whole number from 1 to 255, not 0"
        ),
        (
            #"{"payload": {"kernel": "/k"}, "cpus": {"boot_vcpus": 1, "max_vcpus": 1, "topology": {"packages": 2}}}"#,
            "cpus.topology: arranges 2 vCPUs, and max_vcpus is 1"
        ),
        (#"{"payload": {"kernel": "/k"}, "watchdog": true}"#, "watchdog: a VM can't have a watchdog yet"),
        (#"{"payload": {"kernel": "/k"}, "platform": {"tdx": true}}"#, "platform.tdx: there are no confidential VMs"),
        (#"{"payload": {"kernel": "/k"}, "nonsense": 1}"#, "nonsense: is no field that is known here"),
        (
            #"{"payload": {"kernel": "/k"}, "serial": {"mode": "Tty"}, "console": {"mode": "Tty"}}"#,
            "console.mode: is Tty, and so is serial.mode; one of them can be"
        ),
        (
            #"{"payload": {"kernel": "/k"}, "serial": {"mode": "File", "file": "/a"}, "console": {"mode": "File", "file": "/a"}}"#,
            "console.file: is that of serial, too; give another one"
        ),
        (#"{"payload": {"kernel": "/k"}, "serial": {"mode": "File"}}"#, "serial.file: is missing"),
    ]

    @Test(arguments: refusals)
    func whatCantBe(body: String, message: String) {
        #expect(Client.refusal(body) == message, "\(Client.refusal(body) ?? "accepted")")
    }

    @Test(arguments: [("memory", "zones", 257), ("numa", "numa", 257)])
    func listsHaveAnEnd(field: String, name: String, count: Int) {
        let list = Array(repeating: "{}", count: count).joined(separator: ",")
        let member = field == "memory" ? #""memory": {"size": 0, "zones": [\#(list)]}"# : #""numa": [\#(list)]"#
        let message = Client.refusal(#"{"payload": {"kernel": "/k"}, \#(member)}"#)
        #expect(message?.hasSuffix("\(name): has 257 elements; 256 is the most") == true, "\(message ?? "")")
    }

    @Test func whatIsDispensableIsAccepted() throws {
        let client = Client()
        let body = """
            {"payload": {"kernel": "/k"}, "rng": {"src": "/dev/urandom"}, "disks": [], "net": null, "pvpanic": true,
             "platform": {"serial_number": "x", "tdx": false}, "console": {"mode": "Tty"}}
            """
        #expect(client.put("vm.create", body) == 204)
        #expect(client.host.lines.count == 3, "one line each, and that it is created: \(client.host.lines)")
    }

    @Test func thePathOfATerminalIsTold() {
        let client = Client()
        client.put("vm.create", #"{"payload": {"kernel": "/k"}, "serial": {"mode": "Pty"}}"#)
        #expect(client.info?["config"]?["serial"] == ["mode": "Pty"])
        client.put("vm.boot")
        #expect(client.info?["config"]?["serial"] == ["mode": "Pty", "file": "/dev/pts/7"])
        client.put("vm.delete")
        client.put(
            "vm.create", #"{"payload": {"kernel": "/k"}, "serial": {"mode": "Pty"}, "console": {"mode": "Pty"}}"#)
        client.put("vm.boot")
        #expect(client.info?["config"]?["serial"] == ["mode": "Pty", "file": "/dev/pts/7"])
        #expect(client.info?["config"]?["console"] == ["mode": "Pty", "file": "/dev/pts/8"])
    }

    /// What the API tells of a VM describes the same VM.
    @Test func whatIsToldCanBeSentBack() throws {
        let body = """
            {"payload": {"kernel": "/k", "cmdline": "x"}, "cpus": {"boot_vcpus": 2, "max_vcpus": 2, "topology": {"packages": 2}},
             "memory": {"size": 0, "zones": [{"id": "a", "size": 1073741824, "hotplug_size": 1073741824, "shared": true}]},
             "numa": [{"guest_numa_id": 3, "cpus": [0, 1], "memory_zones": ["a"]}], "serial": {"mode": "Tty"},
             "console": {"mode": "File", "file": "/c"}, "rng": {"src": "/dev/urandom"}, "disks": [{"path": "/d", "serial": "x"}],
             "net": [{"tap": "tap0", "mac": "52:54:00:12:34:56", "mtu": 1400, "num_queues": 4, "offload_csum": false}],
             "fs": [{"tag": "t", "socket": "/s"}], "vsock": {"cid": 3, "socket": "/v"}}
            """
        let config = try VMConfig(body: Array(body.utf8))
        let again = try VMConfig(body: config.json().text)
        #expect(try config.arguments(firstNumber: 4) == again.arguments(firstNumber: 4))
        #expect(config.json() == again.json())
    }
}
