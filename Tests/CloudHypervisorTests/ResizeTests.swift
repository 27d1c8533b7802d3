import JSON
import Testing

@testable import CloudHypervisor

@Suite struct ResizeTests {
    private static let gib: UInt64 = 1 << 30

    private static let growing = """
        {"payload": {"kernel": "/k"}, "memory": {"size": \(gib), "hotplug_size": \(4 * gib), "hotplug_method": "VirtioMem"}}
        """
    private static let zones = """
        {"payload": {"kernel": "/k"}, "memory": {"size": 0, "zones": [
          {"id": "a", "size": \(gib), "hotplug_size": \(2 * gib)}, {"id": "b", "size": 0, "hotplug_size": \(gib)},
          {"id": "c", "size": \(gib)}]}}
        """

    private static func booted(_ body: String) throws -> (Client, FakeMachine) {
        let client = Client()
        try #require(client.put("vm.create", body) == 204)
        try #require(client.put("vm.boot") == 204)
        return (client, try #require(client.host.machines.last))
    }

    @Test func desiredMemoryCountsBootMemory() throws {
        let (client, machine) = try Self.booted(Self.growing)
        #expect(client.put("vm.resize", #"{"desired_ram": \#(3 * Self.gib)}"#) == 204)
        #expect(machine.sizes["mem0"]?.requested == 2 * Self.gib)
        machine.sizes["mem0"]?.plugged = Self.gib
        let info = try #require(client.info)
        #expect(info["memory_actual_size"]?.unsigned == 2 * Self.gib, "what the guest has")
        #expect(info["config"]?["memory"]?["size"]?.unsigned == Self.gib, "what it booted with")
        #expect(info["config"]?["memory"]?["hotplugged_size"]?.unsigned == 2 * Self.gib)
        #expect(client("GET", "vm.counters").json?["mem0"]?["plugged_bytes"]?.unsigned == Self.gib)
        // A client of QMP changes it, too.
        machine.sizes["mem0"]?.requested = 0
        #expect(client.info?["config"]?["memory"]?["hotplugged_size"]?.unsigned == 0)
        #expect(client.put("vm.resize", #"{"desired_ram": \#(3 * Self.gib)}"#) == 204)
        #expect(machine.sizes["mem0"]?.requested == 2 * Self.gib)
    }

    @Test(arguments: [
        (
            #"{"desired_ram": 1048576}"#,
            "desired_ram: is 1048576, less than the 1073741824 bytes that are there from the start"
        ),
        (
            #"{"desired_ram": 5368709121}"#,
            "desired_ram: is 5368709121, more than the 5368709120 bytes of size and hotplug_size together"
        ),
        (
            #"{"desired_ram": 1073741825}"#,
            "desired_ram: is 1073741825, which is 1 more than the size 1073741824: not a multiple of the block size 2097152"
        ),
        (#"{"desired_ram": -1}"#, "desired_ram: must be a whole number from 0 to 9223372036854775807, not -1"),
        (#"{"desired_ram": "1G"}"#, "desired_ram: must be a whole number from 0 to 9223372036854775807, not a string"),
        (#"{"desired_ram": 1e300}"#, "desired_ram: must be a whole number from 0 to 9223372036854775807, not a number"),
        (#"{"desired_vcpus": 2}"#, "desired_vcpus: is 2; a VM keeps the 1 vCPUs that it boots with"),
        (#"{"desired_balloon": 0}"#, "desired_balloon: this VM has no balloon"),
        (#"{"desired": 0}"#, "desired: is no field that is known here"),
        ("[]", "the body: must be an object, not an array"),
        ("", "the body: must be a JSON object, and is empty"),
    ])
    func whatCantBe(body: String, message: String) throws {
        let (client, machine) = try Self.booted(Self.growing)
        let answer = client("PUT", "vm.resize", body)
        #expect(answer.status == .badRequest && answer.message == message, "\(answer.message ?? "")")
        #expect(machine.sizes["mem0"]?.requested == 0)
    }

    @Test func whatChangesNothingIsAccepted() throws {
        let (client, _) = try Self.booted(Self.growing)
        for body in ["{}", #"{"desired_vcpus": 1}"#, #"{"desired_ram": 1073741824, "desired_balloon": null}"#] {
            #expect(client.put("vm.resize", body) == 204, "\(body)")
        }
    }

    @Test func zonesAreResizedOneByOne() throws {
        let (client, machine) = try Self.booted(Self.zones)
        #expect(client.put("vm.resize-zone", #"{"id": "a", "desired_ram": \#(2 * Self.gib)}"#) == 204)
        #expect(client.put("vm.resize-zone", #"{"id": "b", "desired_ram": \#(Self.gib / 2)}"#) == 204)
        #expect(client.put("vm.resize-zone", #"{"id": "c", "desired_ram": \#(Self.gib)}"#) == 204, "it has no device")
        #expect(machine.sizes["a"]?.requested == Self.gib && machine.sizes["b"]?.requested == Self.gib / 2)
        guard case .array(let zones)? = client.info?["config"]?["memory"]?["zones"] else {
            Issue.record("no zones are told")
            return
        }
        #expect(zones.map { $0["hotplugged_size"]?.unsigned } == [Self.gib, Self.gib / 2, nil])
        let unknown = client("PUT", "vm.resize-zone", #"{"id": "d", "desired_ram": 0}"#)
        #expect(
            unknown.status == .notFound && unknown.message == "id: there is no memory zone \"d\"; the zones are a, b, c"
        )
        #expect(client.put("vm.resize", #"{"desired_ram": 0}"#) == 400)
        #expect(client.put("vm.resize-zone", #"{"id": "c", "desired_ram": \#(2 * Self.gib)}"#) == 400)
        #expect(client.put("vm.resize-zone", #"{"id": "a"}"#) == 400)
    }

    @Test func aSizeThatIsSetBeforeTheBootIsThereThen() throws {
        let client = Client()
        #expect(client.put("vm.create", Self.growing) == 204)
        #expect(client.put("vm.resize", #"{"desired_ram": \#(2 * Self.gib)}"#) == 204)
        #expect(client.put("vm.boot") == 204)
        #expect(
            client.host.starts.last?.contains("--virtio-mem=id=mem0,size=4G,node=0,requested-size=1G,block-size=2M")
                == true)
        #expect(client.put("vm.resize-zone", #"{"id": "mem0", "desired_ram": 0}"#) == 400, "it has no zones")
    }
}
