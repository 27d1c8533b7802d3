import Testing

@testable import Configuration

/// `--fs` and `--share`.
@Suite struct FileSystemTests {
    @Test func socketsAreRead() throws {
        let plain = try FileSystem(socketOptionText: "tag=data,socket=/run/a,b.sock", index: 3)
        #expect(plain == FileSystem(id: "fs3", tag: "data", source: .socket(path: "/run/a,b.sock")))
        let full = try FileSystem(socketOptionText: "socket=x,id=a,tag=t,queues=2,queue-size=64", index: 0)
        #expect(
            full == FileSystem(id: "a", tag: "t", source: .socket(path: "x"), queueCount: 2, queueSize: 64))
        #expect(full.optionName == "--fs" && full.option == "--fs a")
    }

    @Test func directoriesAreRead() throws {
        let plain = try FileSystem(directoryOptionText: "tag=src,path=/usr/src", index: 0)
        #expect(plain == FileSystem(id: "fs0", tag: "src", source: .directory(path: "/usr/src", isReadOnly: false)))
        let full = try FileSystem(directoryOptionText: "path=/a,b,readonly=on,tag=t,id=s", index: 0)
        #expect(full == FileSystem(id: "s", tag: "t", source: .directory(path: "/a,b", isReadOnly: true)))
        #expect(full.optionName == "--share" && full.option == "--share s")
    }

    @Test(arguments: ["tag=t", "socket=x", "path=y,tag=t,socket=x", "tag=t,socket=x,queues=a", "tag=t,tag=u,socket=x"])
    func wrongSocketsAreRefused(_ text: String) {
        #expect(throws: ConfigurationError.self) { try FileSystem(socketOptionText: text, index: 0) }
    }

    @Test(arguments: ["tag=t", "path=x", "tag=t,path=x,readonly=maybe", "readonly=on,path=x"])
    func wrongDirectoriesAreRefused(_ text: String) {
        #expect(throws: ConfigurationError.self) { try FileSystem(directoryOptionText: text, index: 0) }
    }

    @Test func theyArriveAsTheyWereSent() throws {
        var machine = MachineConfiguration(memoryBackend: MemoryBackend(.memfd))
        machine.fileSystems = [
            FileSystem(
                id: "a", tag: "t", source: .socket(path: "/x,id=,y"), descriptor: 7, queueCount: 3, queueSize: 128),
            FileSystem(
                id: "b", tag: "ü", source: .directory(path: "/s,tag=r", isReadOnly: true), descriptor: 8, messages: 10),
            FileSystem(id: "c", tag: "v w", source: .directory(path: "/s", isReadOnly: false), descriptor: 9),
        ]
        let request = LaunchRequest(
            machine: machine, kernel: .init(descriptor: 5, layout: .init(entry: 1 << 20, segments: [])))
        #expect(try LaunchRequest(arguments: request.arguments()) == request)
        try machine.validated()
        #expect(machine.furtherDeviceCount == 4)
    }

    private func problem(_ change: (inout MachineConfiguration) -> Void) -> String? {
        var machine = MachineConfiguration(memoryBackend: MemoryBackend(.memfd))
        machine.fileSystems = [FileSystem(id: "a", tag: "t", source: .socket(path: "/x"))]
        change(&machine)
        do {
            try machine.validated()
            return nil
        } catch {
            return error.description
        }
    }

    @Test func whatCannotBeIsTold() {
        #expect(problem { _ in } == nil)
        #expect(problem { $0.fileSystems[0].tag = "" }?.hasPrefix("--fs a: tag \"\" has 0 bytes") == true)
        #expect(problem { $0.fileSystems[0].tag = String(repeating: "ü", count: 18) } == nil)
        #expect(
            problem { $0.fileSystems[0].tag = String(repeating: "ü", count: 18) + "x" }?.contains("37 bytes") == true)
        #expect(problem { $0.fileSystems[0].tag = "a\nb" } != nil)
        #expect(problem { $0.fileSystems[0].queueCount = 0 }?.contains("1 to 16") == true)
        #expect(problem { $0.fileSystems[0].queueSize = 100 }?.contains("power of two") == true)
        #expect(problem { $0.fileSystems[0].id = "a b" }?.hasPrefix("--fs: id") == true)
        #expect(
            problem { $0.fileSystems[0].path = String(repeating: "x", count: 108) }?.contains("at most 107") == true)
        #expect(
            problem { $0.fileSystems.append(FileSystem(id: "b", tag: "t", source: .socket(path: "/y"))) }
                == "--fs b: tag \"t\" is given twice")
        #expect(problem { $0.disks = [Disk(id: "a", path: "/d")] } == "--fs a: this id is given twice")
    }

    @Test func memoryHasToBeShared() {
        let anonymous = problem { $0.memoryBackend = MemoryBackend() }
        #expect(
            anonymous?.hasPrefix("--memory 512M: memory is not shared, and --fs a needs that: use backend=memfd")
                == true)
        let device = problem { $0.memoryDevices = [MemoryDevice(id: "vm0", size: .gibibytes(1))] }
        #expect(device?.hasPrefix("--virtio-mem vm0: memory is not shared") == true)
        let unshared = problem { $0.memoryBackend = MemoryBackend(.memfd, isShared: false) }
        #expect(unshared?.contains("share=on") == true)
    }

    @Test func memoryIsOfTheDefaultKindUnlessItSaysOtherwise() throws {
        #expect(try BootMemory(optionText: "1G", defaultKind: .memfd).backend == MemoryBackend(.memfd))
        #expect(try BootMemory(optionText: "size=1G,prealloc=on", defaultKind: .memfd).backend.kind == .memfd)
        #expect(try BootMemory(optionText: "size=1G,backend=anonymous", defaultKind: .memfd).backend == MemoryBackend())
        #expect(
            try MemoryDevice(optionText: "id=a,size=1G", defaultKind: .memfd).backend == MemoryBackend(.memfd))
    }
}
