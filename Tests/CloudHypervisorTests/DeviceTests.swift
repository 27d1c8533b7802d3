import JSON
import Synchronization
import Testing

@testable import CloudHypervisor

/// The devices of a VM: described with it, or added and removed while it is not booted.
@Suite struct DeviceTests {
    private static func client(_ members: String = "") throws -> Client {
        let client = Client()
        let body = #"{"payload": {"kernel": "/k"}\#(members.isEmpty ? "" : ", ")\#(members)}"#
        try #require(client.put("vm.create", body) == 204, "\(Client.refusal(body) ?? "")")
        return client
    }

    /// The options of `swiftlet run` that a VM is booted with, of one name.
    private static func options(_ client: Client, _ name: String) throws -> [String] {
        try #require(client.put("vm.boot") == 204)
        let prefix = "--\(name)="
        return try #require(client.host.starts.last).filter { $0.hasPrefix(prefix) }.map {
            String($0.dropFirst(prefix.count))
        }
    }

    @Test(arguments: [
        (#"{"path": "/d"}"#, "id=disk0,queue-size=128,path=/d"),
        (#"{"path": "/a,b", "readonly": true, "image_type": "Raw"}"#, "id=disk0,readonly=on,queue-size=128,path=/a,b"),
        (
            #"{"path": "/d", "id": "root", "direct": true, "serial": "S1", "num_queues": 4, "queue_size": 1024, "sparse": false}"#,
            "id=root,direct=on,serial=S1,queues=4,queue-size=1024,discard=off,path=/d"
        ),
        // As Kata Containers describes its image.
        (
            #"""
            {"path": "/d", "readonly": true, "direct": false, "iommu": false, "num_queues": 1, "queue_size": 128,
             "vhost_user": false, "backing_files": false, "sparse": true, "image_type": "Raw"}
            """#, "id=disk0,readonly=on,queue-size=128,path=/d"
        ),
    ])
    func whatBecomesOfDisks(disk: String, option: String) throws {
        #expect(try Self.options(Self.client(#""disks": [\#(disk)]"#), "disk") == [option])
        let client = try Self.client()
        #expect(client.put("vm.add-disk", disk) == 204)
        #expect(try Self.options(client, "disk") == [option])
    }

    @Test func devicesAreAddedRemovedAndTold() throws {
        let client = try Self.client(#""disks": [{"path": "/a"}, {"path": "/b", "id": "disk2"}]"#)
        #expect(client.put("vm.add-disk", #"{"path": "/c"}"#) == 204)
        #expect(client.put("vm.add-disk", #"{"path": "/d"}"#) == 204)
        func told() -> [String]? {
            client.info?["config"]?["disks"]?.elements.map { ($0["id"]?.string ?? "") + ($0["path"]?.string ?? "") }
        }
        #expect(told() == ["disk0/a", "disk2/b", "disk1/c", "disk3/d"])
        #expect(client.put("vm.remove-device", #"{"id": "disk2"}"#) == 204)
        #expect(
            client("PUT", "vm.remove-device", #"{"id": "disk2"}"#).message
                == #"id: there is no device "disk2"; they are disk0, disk1, disk3"#)
        #expect(told() == ["disk0/a", "disk1/c", "disk3/d"])
        #expect(try Self.options(client, "disk").map { $0.suffix(7) } == ["path=/a", "path=/c", "path=/d"])
        let refusal = "the devices of a VM that is booted can't be changed yet"
        #expect(client("PUT", "vm.add-disk", #"{"path": "/e"}"#).message?.hasPrefix(refusal) == true)
        #expect(client("PUT", "vm.remove-device", #"{"id": "disk0"}"#).message?.hasPrefix(refusal) == true)
        client.put("vm.shutdown")
        #expect(client.put("vm.remove-device", #"{"id": "disk0"}"#) == 204)
        #expect(try Self.options(client, "disk").count == 2)
    }

    @Test(arguments: [
        ("{}", "path: is missing"), (#"{"path": ""}"#, "path: is empty or contains a zero byte"),
        (
            #"{"path": "/d", "vhost_user": true}"#,
            "vhost_user: of vhost-user devices, a VM can have those of fs alone"
        ),
        (#"{"path": "/d", "image_type": "Qcow2"}"#, "image_type: is Qcow2; images are Raw"),
        (#"{"path": "/d", "backing_files": true}"#, "backing_files: raw images have no backing files"),
        (
            #"{"path": "/d", "rate_limiter_config": {"ops": {"size": 1, "refill_time": 1}}}"#,
            "rate_limiter_config: the rates of devices can't be limited yet"
        ),
        (#"{"path": "/d", "iommu": true}"#, "iommu: a VM can't have an IOMMU yet"),
        (#"{"path": "/d", "nonsense": 1}"#, "nonsense: is no field that is known here"),
        (#"{"path": "/d", "queue_size": 100}"#, "disks[0]: queue-size 100 is not a power of two from 4 to 1024"),
        (#"{"path": "/d", "num_queues": 17}"#, "disks[0]: queues 17: a disk has 1 to 16"),
        (
            #"{"path": "/d", "id": "a b"}"#,
            #"disks: id "a b" is not made of 1 to 64 letters, digits and the signs - _ ."#
        ),
        (#"{"path": "/d", "id": "mem0"}"#, "disks[0]: this id is given twice"),
    ])
    func disksThatCantBe(disk: String, message: String) throws {
        let client = try Self.client(#""memory": {"size": 1073741824, "hotplug_size": 1073741824}"#)
        #expect(client("PUT", "vm.add-disk", disk).message == message)
        #expect(client.info?["config"]?["disks"] == nil)
        #expect(client.put("vm.boot") == 204)
    }

    @Test(arguments: [
        (#"{"tap": "tap0"}"#, "tap=tap0,id=net0"),
        (
            #"{"tap": "tap0", "id": "lan", "mac": "52:54:00:12:34:56", "mtu": 1400, "num_queues": 4}"#,
            "tap=tap0,id=lan,mac=52:54:00:12:34:56,queues=2,mtu=1400"
        ),
        (
            #"{"tap": "tap0", "offload_tso": false, "offload_ufo": false, "offload_csum": false}"#,
            "tap=tap0,id=net0,offload=off"
        ),
    ])
    func whatBecomesOfNetworkCards(card: String, option: String) throws {
        #expect(try Self.options(Self.client(#""net": [\#(card)]"#), "net") == [option])
        let client = try Self.client()
        #expect(client.put("vm.add-net", card) == 204)
        #expect(try Self.options(client, "net") == [option])
    }

    /// As Kata Containers describes its taps, whose descriptors it passes along.
    private static func kataCard(_ address: String) -> String {
        """
        {"ip": "192.168.249.1", "mask": "255.255.255.0", "mac": "\(address)", "iommu": false, "num_queues": 2,
         "queue_size": 256, "vhost_user": false, "vhost_mode": "Client", "offload_tso": true, "offload_ufo": true,
         "offload_csum": true}
        """
    }

    @Test func descriptorsComeAlongWithNetworkCards() throws {
        let client = try Self.client()
        let closed = Mutex<[Int32]>([])
        func descriptor(_ number: Int32) -> FakeDescriptor {
            FakeDescriptor(number) { closed.withLock { $0.append(number) } }
        }
        let (first, second) = ("02:00:00:00:00:01", "02:00:00:00:00:02")
        #expect(client("PUT", "vm.add-net", Self.kataCard(first), passing: [descriptor(20)]).status == .noContent)
        #expect(client("PUT", "vm.add-net", Self.kataCard(second), passing: [descriptor(21)]).status == .noContent)
        #expect(
            client("PUT", "vm.add-net", #"{"id": "two"}"#, passing: [descriptor(30), descriptor(31)]).status
                == .noContent)
        // Nobody has a use for it.
        #expect(client("PUT", "vm.add-disk", #"{"path": "/d"}"#, passing: [descriptor(40)]).status == .noContent)
        #expect(closed.withLock { $0 } == [40])
        #expect(client.host.lines.count == 1, "that it is created: \(client.host.lines)")
        for _ in 0..<2 {
            #expect(
                try Self.options(client, "net") == [
                    "fd=4,id=net0,mac=\(first)", "fd=5,id=net1,mac=\(second)", "fd=6:7,id=two",
                ])
            #expect(client.host.passed == [20, 21, 30, 31])
            client.put("vm.shutdown")
        }
        #expect(client.put("vm.remove-device", #"{"id": "net0"}"#) == 204)
        #expect(closed.withLock { $0 } == [40, 20])
        #expect(try Self.options(client, "net") == ["fd=4,id=net1,mac=\(second)", "fd=5:6,id=two"])
        client.put("vm.delete")
        #expect(closed.withLock { $0.sorted() } == [20, 21, 30, 31, 40])
    }

    @Test(arguments: [
        ("{}", 0, "tap: is missing: name an interface of the host, or pass its descriptors along with vm.add-net"),
        (#"{"tap": "tap0"}"#, 1, "tap: is given, and descriptors came along, too"),
        (
            #"{"fds": [3]}"#, 0,
            "fds: descriptors come along with vm.add-net over the Unix socket (SCM_RIGHTS), not by their numbers"
        ),
        (
            #"{"num_queues": 2}"#, 2,
            "num_queues: is 2, and 2 descriptors came along: each pair of queues has one"
        ),
        (#"{"tap": "tap0", "num_queues": 3}"#, 0, "num_queues: is 3; queues come in pairs"),
        (#"{"tap": "tap0", "mac": "x"}"#, 0, "mac: is \"x\", not an address such as 52:54:00:12:34:56"),
        (#"{"tap": "tap0", "mtu": 65536}"#, 0, "mtu: must be a whole number from 0 to 65535, not 65536"),
        (#"{"tap": "tap0", "mtu": 1}"#, 0, "net[0]: mtu 1 is not from 68 to 65535"),
        (
            #"{"tap": "tap0", "vhost_user": true}"#, 0,
            "vhost_user: of vhost-user devices, a VM can have those of fs alone"
        ),
        (
            #"{"tap": "tap0", "rate_limiter_config": {}}"#, 0,
            "rate_limiter_config: the rates of devices can't be limited yet"
        ),
    ])
    func networkCardsThatCantBe(card: String, descriptorCount: Int, message: String) throws {
        let client = try Self.client()
        let descriptors = (0..<descriptorCount).map { FakeDescriptor(20 + Int32($0)) }
        #expect(client("PUT", "vm.add-net", card, passing: descriptors).message == message)
        #expect(client.info?["config"]?["net"] == nil)
    }

    @Test func whatANetworkCardDoesWithoutIsLogged() throws {
        let client = try Self.client()
        #expect(
            client.put(
                "vm.add-net",
                #"{"tap": "tap0", "ip": "10.0.0.1", "host_mac": "x", "queue_size": 1024, "offload_ufo": false}"#)
                == 204)
        #expect(client.host.lines.count == 5, "one line each, and that it is created: \(client.host.lines)")
    }

    private static let shared = #""memory": {"size": 1073741824, "shared": true}"#

    @Test func sharedDirectories() throws {
        let client = try Self.client(
            Self.shared
                + #", "fs": [{"tag": "kataShared", "socket": "/run/v.sock", "num_queues": 1, "queue_size": 1024, "pci_segment": 1}]"#
        )
        #expect(
            client.put("vm.add-fs", #"{"tag": "more", "socket": "/s", "num_queues": 2, "queue_size": 512, "id": "b"}"#)
                == 204)
        #expect(
            try Self.options(client, "fs") == [
                "id=fs0,tag=kataShared,socket=/run/v.sock", "id=b,tag=more,queues=2,queue-size=512,socket=/s",
            ])
        let alone = try Self.client()
        #expect(
            alone("PUT", "vm.add-fs", #"{"tag": "t", "socket": "/s"}"#).message
                == "memory.shared: must be true beside fs: the guest's memory is its server's, too")
        #expect(
            Client.refusal(#"{"payload": {"kernel": "/k"}, \#(Self.shared), "fs": [{"tag": "", "socket": "/s"}]}"#)?
                .hasPrefix("fs[0]: tag \"\" has 0 bytes") == true)
    }

    @Test func vsock() throws {
        let client = try Self.client(#""vsock": {"cid": 3, "socket": "/run/clh.sock", "iommu": false}"#)
        #expect(client.info?["config"]?["vsock"] == ["id": "vsock0", "cid": 3, "socket": "/run/clh.sock"])
        #expect(
            client("PUT", "vm.add-vsock", #"{"cid": 4, "socket": "/s"}"#).message
                == "the VM has a vsock device; one is the most")
        #expect(client.put("vm.remove-device", #"{"id": "vsock0"}"#) == 204)
        #expect(client.put("vm.add-vsock", #"{"cid": 4, "socket": "/s", "id": "v"}"#) == 204)
        #expect(try Self.options(client, "vsock") == ["cid=4,socket=/s"])
        for (device, message) in [
            (#"{"cid": 2, "socket": "/s"}"#, "vsock: reserved: a guest has one from 3 to 4294967294"),
            (#"{"socket": "/s"}"#, "vsock.cid: is missing"), (#"{"cid": 3}"#, "vsock.socket: is missing"),
        ] {
            #expect(Client.refusal(#"{"payload": {"kernel": "/k"}, "vsock": \#(device)}"#) == message)
        }
    }

    @Test func theBalloon() throws {
        // As Kata Containers asks for it.
        let client = try Self.client(
            #"""
            "memory": {"size": 1073741824, "hotplug_size": 1073741824},
            "balloon": {"size": 0, "deflate_on_oom": false, "free_page_reporting": true}
            """#)
        #expect(client.put("vm.resize", #"{"desired_balloon": 268435456}"#) == 204)
        #expect(try Self.options(client, "balloon") == ["size=256M,free-page-reporting=on"])
        let machine = try #require(client.host.machines.last)
        machine.sizes["mem0"]?.plugged = 1 << 29
        #expect(client.put("vm.resize", #"{"desired_balloon": 134217728}"#) == 204)
        #expect(machine.left == (1 << 30) + (1 << 29) - (1 << 27))
        #expect(client.info?["memory_actual_size"] == .number(machine.left))
        #expect(client.info?["config"]?["balloon"]?["size"] == 134_217_728)
        for (size, problem) in [(5, "is 5, not a multiple of 4096"), (1 << 30, "is 1073741824, not less than")] {
            let message = client("PUT", "vm.resize", #"{"desired_balloon": \#(size)}"#).message
            #expect(message?.hasPrefix("desired_balloon: \(problem)") == true, "\(message ?? "")")
        }
        #expect(
            try Self.client()("PUT", "vm.resize", #"{"desired_balloon": 0}"#).message
                == "desired_balloon: this VM has no balloon")
        #expect(
            Client.refusal(#"{"payload": {"kernel": "/k"}, "balloon": {"size": 5}}"#)
                == "balloon: not a multiple of 4K")
    }

    @Test func listsOfDevicesHaveAnEnd() {
        let list = Array(repeating: #"{"path": "/d"}"#, count: 257).joined(separator: ",")
        #expect(
            Client.refusal(#"{"payload": {"kernel": "/k"}, "disks": [\#(list)]}"#)
                == "disks: has 257 elements; 256 is the most")
    }

    @Test func whereRandomNumbersComeFrom() throws {
        #expect(try Self.client().info?["config"]?["rng"] == ["src": "/dev/urandom"])
        let client = try Self.client(#""rng": {"src": "/dev/hwrng"}"#)
        #expect(client.info?["config"]?["rng"] == ["src": "/dev/hwrng"])
        #expect(client.host.lines.contains { $0.hasPrefix("rng.src: random numbers come from the host's kernel") })
    }
}

extension JSONValue {
    fileprivate var elements: [JSONValue] { if case .array(let elements) = self { elements } else { [] } }
}
