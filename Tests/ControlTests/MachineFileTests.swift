import Configuration
import Control
import JSON
import Testing
import YAML

@Suite struct MachineFileTests {
    private func arguments(_ text: String, beside given: [String] = []) throws -> [String] {
        try MachineFile(parsing: Array(text.utf8)).arguments(beside: given)
    }

    private func problem(_ text: String) -> String? {
        do throws(YAMLError) {
            _ = try MachineFile(parsing: Array(text.utf8))
            return nil
        } catch {
            return error.description
        }
    }

    @Test func optionsHaveTheirNames() throws {
        let text = """
            name: web
            cpus: 2
            detach: true
            verbose-boot: off
            initrd: ~
            cmdline: "a=b, c"
            memory: {size: 1G, backend: file, path: "/m,x", prealloc: true}
            virtio-mem:
              - id=vm0,size=1G
              - id: vm1
                path: /x
                host-nodes: [0, 2-3]
                size: 8G
            numa: {node: 0, cpus: 0-1}
            """
        #expect(
            try arguments(text) == [
                "--name=web", "--cpus=2", "--detach", "--cmdline=a=b, c",
                "--memory=size=1G,backend=file,prealloc=on,path=/m,x", "--virtio-mem=id=vm0,size=1G",
                "--virtio-mem=id=vm1,host-nodes=0,host-nodes=2-3,size=8G,path=/x", "--numa=node=0,cpus=0-1",
            ])
        #expect(try arguments("") == [])
        #expect(try arguments("{\"name\": \"a\", \"qmp\": [\"unix:q\"]}") == ["--name=a", "--qmp=unix:q"])
    }

    @Test func whatAPersonGivesCounts() throws {
        let text = "name: web\ncpus: 2\nvirtio-mem: [id=a, id=b]\n"
        #expect(
            try arguments(text, beside: ["--cpus", "4"]) == ["--name=web", "--virtio-mem=id=a", "--virtio-mem=id=b"])
        #expect(try arguments(text, beside: ["--virtio-mem=id=c", "--name=x"]) == ["--cpus=2"])
    }

    @Test func mistakesAreToldWithTheirLine() {
        #expect(
            problem("cpus: 2\nmemroy: 1G\n")?.hasPrefix("line 2: no option is called \"memroy\"; there are name, ")
                == true)
        #expect(problem("- a\n") == "line 1: expected options of 'swiftlet run', such as 'memory: 1G'")
        #expect(problem("cpus: [1, 2]\n") == "line 1: cpus: expected one value, not a list")
        #expect(problem("cpus:\n  a: 1\n") == "line 2: cpus: expected a text")
        #expect(problem("detach: maybe\n") == "line 1: detach: expected true or false")
        #expect(problem("numa: [[a]]\n") == "line 1: numa: expected a text, not a list")
        #expect(
            problem("virtio-mem:\n  id: \"a,b\"\n") == "line 2: virtio-mem: id: a comma can't be in it: \"a,b\"")
        #expect(problem("virtio-mem:\n  id: {a: b}\n") == "line 2: virtio-mem: id: expected a text")
    }

    /// An error of an option's text leads to its line.
    @Test func optionsAreFoundAgain() throws {
        let file = try MachineFile(
            parsing: Array("cpus: 2\nverbose-boot: true\nvirtio-mem:\n  - id=a,size=1G\n  - id: b\n    size: 3\n".utf8))
        #expect(file.entries.map(\.line) == [1, 2, 4, 5])
        #expect(file.line(ofOption: "--cpus") == 1 && file.line(ofOption: "--cpus 2") == 1)
        #expect(file.line(ofOption: "--virtio-mem b") == 5 && file.line(ofOption: "--virtio-mem size=3") == 5)
        #expect(file.line(ofOption: "--virtio-mem c") == 4)
        #expect(file.line(ofOption: "--virtio-mem id=b,size=3") == 5)
        let disks = try MachineFile(parsing: Array("disk:\n  - path=a\n  - path=b\n".utf8))
        #expect(disks.line(ofOption: "--disk disk1") == 3 && disks.line(ofOption: "--disk disk7") == 2)
        #expect(file.line(ofOption: "") == nil)
        #expect(file.line(ofOption: "--memory") == nil)
    }

    @Test func aRequestedSizeIsReplaced() {
        var file = MachineFile([
            .init("virtio-mem", "id=a,size=1G,requested-size=2M,path=/x,y"), .init("virtio-mem", "id=b,size=1G"),
            .init("name", "id=a"),
        ])
        file.setRequestedSize(.gibibytes(1), of: "a")
        file.setRequestedSize(0, of: "b")
        #expect(
            file.entries.map(\.value) == [
                "id=a,size=1G,requested-size=1G,path=/x,y", "id=b,size=1G,requested-size=0", "id=a",
            ])
    }

    /// What is written is read as the same machine.
    @Test func whatIsWrittenIsReadAgain() throws {
        let file = MachineFile([
            .init("name", "web"), .init("cmdline", "console=ttyS0 \"x\" # no comment: é"), .init("verbose-boot", nil),
            .init("cpus", "2,sockets=2"), .init("memory", "size=1G,backend=file,path=/a,b=c"),
            .init("numa", "node=0"), .init("numa", "node=1,cpus=0-1"), .init("virtio-mem", "id=true,size=0"),
            .init("virtio-mem", "id=x,host-nodes=0,host-nodes=1"), .init("serial", "unix:/run/a b"),
            .init("kernel", "-"),
        ])
        let sorted = Set(file.arguments(beside: []))
        #expect(Set(try MachineFile(parsing: Array(file.yaml.utf8)).arguments(beside: [])) == sorted, "\(file.yaml)")
        #expect(Set(try MachineFile(parsing: file.json.text).arguments(beside: [])) == sorted)
        #expect(file.yaml.hasPrefix("name: web\nkernel: \"-\"\ncmdline: \"console=ttyS0 \\\"x\\\" # no comment: é\"\n"))
        #expect(file.yaml.contains("memory:\n  size: 1G\n  backend: file\n  path: \"/a,b=c\"\n"), "\(file.yaml)")
        #expect(MachineFile([.init("memory", "1G")]).yaml == "memory: 1G\n")
    }
}
