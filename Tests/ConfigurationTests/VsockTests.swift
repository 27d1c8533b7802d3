import Configuration
import KernelLayout
import Testing

@Suite struct VsockTests {
    @Test func optionsAreRead() throws {
        #expect(try Vsock(optionText: "cid=3,socket=/run/a.sock") == Vsock(cid: 3, path: "/run/a.sock"))
        #expect(try Vsock(optionText: "socket=/a,b,cid=4294967294") == Vsock(cid: .max - 1, path: "/a,b"))
    }

    @Test(arguments: [
        ("", "--vsock: empty; the keys are cid, socket"),
        ("socket=a", "--vsock socket=a: \"cid\" is missing; the keys are cid, socket"),
        ("cid=3", "--vsock cid=3: \"socket\" is missing; the keys are cid, socket"),
        ("cid=3,fd=4,socket=a", "--vsock cid=3,fd=4,socket=a: unknown key \"fd\"; the keys are cid, socket"),
        ("cid=-3,socket=a", "--vsock cid=-3,socket=a: cid \"-3\" is not a number from 0 to 4294967295"),
        (
            "cid=4294967296,socket=a",
            "--vsock cid=4294967296,socket=a: cid \"4294967296\" is not a number from 0 to"
                + " 4294967295"
        ),
        ("cid=0,socket=a", "--vsock cid=0: reserved: a guest has one from 3 to 4294967294"),
        ("cid=1,socket=a", "--vsock cid=1: reserved: a guest has one from 3 to 4294967294"),
        ("cid=2,socket=a", "--vsock cid=2: reserved: a guest has one from 3 to 4294967294"),
        ("cid=4294967295,socket=a", "--vsock cid=4294967295: reserved: a guest has one from 3 to 4294967294"),
        ("cid=3,socket=", "--vsock: the path is empty"),
    ])
    func mistakes(text: String, message: String) {
        let found = mistake { () throws(ConfigurationError) in
            _ = try MachineConfiguration(vsock: Vsock(optionText: text)).validated()
        }
        #expect(found == message)
    }

    @Test func pathsLeaveRoomForPorts() throws {
        let longest = String(repeating: "x", count: 96)
        try MachineConfiguration(vsock: Vsock(cid: 3, path: longest)).validated()
        let found = mistake { () throws(ConfigurationError) in
            _ = try MachineConfiguration(vsock: Vsock(cid: 3, path: longest + "x")).validated()
        }
        #expect(
            found
                == "--vsock socket=\(longest)x: the path has 97 bytes; at most 96 leave room for the ports' numbers"
                + " behind it in a Unix socket's path")
    }

    @Test func itTravelsWithItsDescriptor() throws {
        let kernel = LaunchRequest.Kernel(descriptor: 5, layout: KernelLayout(entry: 0, segments: []))
        for path in ["/run/a.sock", "/a,cid=9,fd=1", "/ b\n"] {
            var machine = MachineConfiguration()
            machine.vsock = Vsock(cid: 77, path: path, descriptor: 8)
            let request = LaunchRequest(machine: machine, kernel: kernel)
            #expect(request.arguments().contains("cid=77,fd=8,socket=\(path)"))
            #expect(try LaunchRequest(arguments: request.arguments()) == request)
        }
    }

    @Test func itTakesAWindowBehindTheDisks() throws {
        let machine = MachineConfiguration(disks: [Disk(id: "a", path: "a")], vsock: Vsock(cid: 3, path: "v"))
        #expect(machine.furtherDeviceCount == 3)
        #expect(try machine.validated().virtioWindows.count == 3)
    }
}
