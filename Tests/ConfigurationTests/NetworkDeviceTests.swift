import Configuration
import KernelLayout
import Testing

/// What `--net` takes, and what it refuses.
@Suite struct NetworkDeviceTests {
    private func parse(_ text: String) throws -> NetworkDevice {
        let device = try NetworkDevice(optionText: text, index: 2)
        try MachineConfiguration(networkDevices: [device]).validated()
        return device
    }

    @Test func whatIsLeftOutHasDefaults() throws {
        let device = try parse("tap=tap0")
        #expect(device == NetworkDevice(id: "net2", tap: .named("tap0")))
        #expect(device.queueCount == 1 && device.offloads && !device.usesVhost && device.mtu == nil)
        #expect(device.optionText == "tap=tap0,id=net2")
        #expect(try parse("fd=3:4").queueCount == 2)
        #expect(try parse("fd=7,queues=1").tap == .descriptors([7]))
    }

    @Test(arguments: [
        "tap=tap0,id=lan,mac=52:54:00:12:ab:ff,queues=16,mtu=9000,offload=off,vhost=on", "fd=3:4:5,id=x,mtu=68",
        "tap=a-b.c_d,id=net0",
    ])
    func textsComeBack(_ text: String) throws {
        #expect(try parse(text).optionText == text)
    }

    @Test func descriptorsTravel() throws {
        var device = NetworkDevice(id: "lan", tap: .named("tap0"), queueCount: 2, usesVhost: true)
        device.queueDescriptors = [5, 6]
        device.vhostDescriptors = [7, 8]
        let kernel = LaunchRequest.Kernel(
            descriptor: 5, layout: KernelLayout(entry: 0x100_0000, segments: []))
        let request = LaunchRequest(machine: MachineConfiguration(networkDevices: [device]), kernel: kernel)
        let arguments = request.arguments()
        #expect(arguments.contains("tap=tap0,id=lan,queues=2,vhost=on,tap-fd=5:6,vhost-fd=7:8"))
        #expect(try LaunchRequest(arguments: arguments) == request)
        #expect(device.openQueues == [5, 6])
    }

    @Test(arguments: [
        ("", "--net: empty; the keys are tap, fd, mac, id, queues, mtu, offload, vhost"),
        ("mac=52:54:00:12:34:56", "\"tap\" or \"fd\" is missing"),
        ("tap=tap0,fd=3", "there is \"tap\" as well as \"fd\""),
        ("tap=tap0,tap-fd=3", "unknown key \"tap-fd\""),
        ("tap=interface-name-1", "tap \"interface-name-1\": an interface's name has 1 to 15 bytes"),
        ("tap=", "tap \"\": an interface's name has 1 to 15 bytes"),
        ("tap=a/b", "tap \"a/b\" is no interface's name"),
        ("tap=a b", "tap \"a b\" is no interface's name"),
        ("tap=..", "tap \"..\" is no interface's name"),
        ("fd=x", "fd \"x\" is not the number of an open descriptor, or several as in 3:4"),
        ("fd=3:", "fd \"3:\" is not the number"),
        ("fd=-1", "fd \"-1\" is not the number"),
        ("fd=3:3", "fd names a descriptor twice"),
        ("fd=3:4,queues=3", "queues 3: fd names 2, and each pair of queues needs one, as in fd=3:4"),
        ("tap=t,mac=52:54:00:12:34", "mac \"52:54:00:12:34\" is not an address such as 52:54:00:12:34:56"),
        ("tap=t,mac=52:54:00:12:34:5g", "is not an address"),
        ("tap=t,mac=+2:54:00:12:34:56", "is not an address"),
        ("tap=t,mac=53:54:00:12:34:56", "mac 53:54:00:12:34:56 is a group's: the first number of an"),
        ("tap=t,mac=00:00:00:00:00:00", "mac 00:00:00:00:00:00 is nobody's address"),
        ("tap=t,queues=0", "--net net2: queues 0: a network device has 1 to 16 pairs of them"),
        ("tap=t,queues=17", "queues 17"),
        ("tap=t,mtu=67", "--net net2: mtu 67 is not from 68 to 65535"),
        ("tap=t,mtu=65536", "mtu \"65536\" is not a number from 0 to 65535"),
        ("tap=t,offload=yes", "offload"),
        ("tap=t,id=a/b", "--net: id \"a/b\" is not made of"),
    ])
    func mistakesAreTold(_ text: String, _ message: String) {
        let error = #expect(throws: ConfigurationError.self) { try parse(text) }
        #expect(error.map { "\($0)".contains(message) } == true, "\(String(describing: error))")
    }

    @Test func devicesDontShareNamesOrDescriptors() {
        let pairs: [([NetworkDevice], [Disk], String)] = [
            ([.init(id: "a", tap: .named("t")), .init(id: "a", tap: .named("u"))], [], "this id is given twice"),
            ([.init(id: "a", tap: .named("t"))], [Disk(id: "a", path: "x")], "this id is given twice"),
            (
                [.init(id: "a", tap: .descriptors([3])), .init(id: "b", tap: .descriptors([3]))], [],
                "another network device has fd 3"
            ),
        ]
        for (devices, disks, message) in pairs {
            let machine = MachineConfiguration(disks: disks, networkDevices: devices)
            let error = #expect(throws: ConfigurationError.self) { try machine.validated() }
            #expect(error.map { "\($0)".contains(message) } == true)
        }
    }

    @Test func addressesAreStableAndLocal() {
        let device = NetworkDevice(id: "net0", tap: .named("tap0"))
        let address = device.address(inMachine: "web")
        #expect(address == device.address(inMachine: "web") && address != device.address(inMachine: "db"))
        #expect(address != NetworkDevice(id: "net1", tap: .named("tap0")).address(inMachine: "web"))
        // Machines without a name may be neighbours.
        let name = MachineConfiguration.defaultName
        #expect(device.address(inMachine: name) != device.address(inMachine: name))
        for one in [address, device.address(inMachine: name)] {
            #expect(one.bytes[0] & 3 == 2 && MACAddress(parsing: "\(one)") == one)
        }
        let given = MACAddress([0x52, 0x54, 0, 1, 2, 3])
        #expect(
            NetworkDevice(id: "a", tap: .named("t"), address: given).address(inMachine: "web") == given
                && "\(given)" == "52:54:00:01:02:03")
    }
}
