import Configuration
import Control
import Glibc
import Testing

@testable import swiftlet

/// The file that makes a machine again names the same files from any directory.
struct RunMachineFileTests {
    private let directory: String

    init() throws {
        let path = try #require(getcwd(nil, 0))
        defer { free(path) }
        directory = String(cString: path)
    }

    private func expect(_ option: String, _ given: String, becomes expected: String) throws {
        let options = try #require(RunOptions(plain: [option, given]))
        let arguments = options.machineFile([]).arguments(beside: [])
        #expect(arguments.contains("\(option)=\(expected.replacing("CWD", with: directory))"), "\(arguments)")
    }

    @Test(arguments: [
        ("log", "CWD/log"), ("/log", "/log"), ("log,unix:x", "CWD/log,unix:x"), ("a,path=b", "CWD/a,path=b"),
    ])
    func channelsAreTheirWholeText(path: String, expected: String) throws {
        for kind in ["file:", "unix:"] {
            try expect("--serial", kind + path, becomes: kind + expected)
            try expect("--console", kind + path, becomes: kind + expected)
        }
    }

    @Test(arguments: ["stdio", "null", "pty"])
    func channelsWithoutPathsStay(channel: String) throws {
        try expect("--console", channel, becomes: channel)
    }

    @Test(arguments: [
        ("size=1G,backend=file,path=a", "size=1G,backend=file,path=CWD/a"), ("path=a", "path=CWD/a"),
        ("size=1G,path=a,path=b", "size=1G,path=CWD/a,path=b"), ("size=1G,path=/a", "size=1G,path=/a"),
        ("size=1G,xpath=a", "size=1G,xpath=a"), ("size=1G,", "size=1G,"), ("1G", "1G"),
    ])
    func pathsOfMemoryAreFromTheRoot(text: String, expected: String) throws {
        try expect("--memory", text, becomes: expected)
    }

    /// (file, the option that is wrong; nil for none)
    @Test(arguments: [
        ("memory: 1G\nvirtio-mem: [\"id=vm0,size=1G,block-size=4M\"]\nconsole: \"null\"", nil),
        ("virtio-mem: [\"id=vm0,size=1G,block=4M\"]", "--virtio-mem id=vm0,size=1G,block=4M"),
        ("virtio-mem: [\"id=vm0,size=1G,block-size=3M\"]", "--virtio-mem vm0"),
        ("numa: {node: 0, cpus: 0, memory: 1G}\nvirtio-mem: [\"id=vm0,size=1G,node=3\"]", "--virtio-mem vm0"),
        ("memory: 5", "--memory 5"), ("console: x", "--console x"), ("log-level: loud", "--log-level loud"),
    ])
    func aFileIsCheckedWithoutTheHost(text: String, option: String?) throws {
        let file = try MachineFile(parsing: Array(text.utf8))
        guard let option else { return try RunOptions.check(file) }
        let error = try #require(throws: ConfigurationError.self) { try RunOptions.check(file) }
        #expect(error.option == option, "\(error)")
    }
}
