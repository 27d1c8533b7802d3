import JSON
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
