import AgentChannel
import AgentProtocol
import Foundation
import Testing

/// Files that are sent to an agent and fetched from one.
@Suite(.serialized) struct CopyTests {
    let agent: RunningAgent
    var place: Place { agent.place }

    init() throws {
        agent = try RunningAgent()
    }

    private func path(_ name: String) -> [UInt8] { Array(place.file(name).utf8) }

    private func put(_ source: String, _ target: String, contents: Bool = false, follows: Bool = false) throws {
        try agent.connect().put(
            CopySource(path: path(source), followsLink: follows),
            to: CopyTarget(path: path(target), takesContents: contents), warn: { _ in })
    }

    private func get(_ source: String, _ target: String, name: String, contents: Bool = false) throws -> [String] {
        var warnings: [String] = []
        try agent.connect().get(
            CopySource(path: path(source), followsLink: false),
            to: CopyTarget(path: path(target), takesContents: contents),
            name: try #require(EntryName(Array(name.utf8))), warn: { warnings.append($0) })
        return warnings
    }

    private func makeTree() throws {
        try place.makeDirectory("tree/empty")
        try place.makeDirectory("tree/deep/deeper")
        try place.write("tree/plain", "text")
        try place.write("tree/deep/tool", "#!/bin/sh\n", mode: 0o750)
        try place.write("tree/deep/deeper/none", "")
        try FileManager.default.createSymbolicLink(atPath: place.file("tree/link"), withDestinationPath: "../nowhere")
        try FileManager.default.setAttributes([.posixPermissions: 0o500], ofItemAtPath: place.file("tree/deep/deeper"))
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1_000_000_000)], ofItemAtPath: place.file("tree/plain"))
    }

    /// All that find(1) can tell of a tree.
    private func listing(_ name: String) throws -> String {
        let script = """
            cd \(place.file(name)) && find . -printf '%P %y %m %l\\n' | sort
            find . -type f -printf '%P %T@\\n' | sort; find . -type f -exec md5sum {} + | sort
            """
        return try agent.run("sh", "-c", script).text
    }

    @Test func treesGoBothWays() throws {
        try makeTree()
        try put("tree", "sent")
        #expect(try listing("sent") == (try listing("tree")))
        #expect(try get("tree", "fetched", name: "tree").isEmpty)
        #expect(try listing("fetched") == (try listing("tree")))
    }

    /// Where things go, as docker has it.
    @Test func targets() throws {
        try place.write("a", "A")
        try place.makeDirectory("dir")
        try makeTree()
        try put("a", "b")
        #expect(try place.read("b") == "A")
        try put("a", "dir")
        try put("a", "dir/")
        #expect(try place.read("dir/a") == "A")
        try place.write("b", "old")
        try put("a", "b")
        #expect(try place.read("b") == "A")
        try put("tree", "dir")
        #expect(try place.names("dir") == ["a", "tree"])
        try place.makeDirectory("flat")
        try put("tree", "flat", contents: true)
        #expect(try place.names("flat") == ["deep", "empty", "link", "plain"])
        // Into one that is there, once more.
        try put("tree", "dir")
        #expect(try listing("dir/tree") == (try listing("tree")))
        #expect(try place.names("dir") == ["a", "tree"])
    }

    @Test func targetsThatCannotBe() throws {
        try place.write("a", "A")
        try makeTree()
        for (source, target, reason) in [
            ("a", "missing/", "no such directory"), ("a", "missing/x", "No such file or directory"),
            ("tree", "a", "can't take the place of a file"), ("a", "a/", "not a directory"),
            ("a", "a/b", "Not a directory"),
        ] {
            let failure = #expect(throws: AgentFailure.self) { try put(source, target) }
            #expect(failure?.text.contains(reason) == true, "\(failure as Any)")
        }
        #expect(throws: CopyError.self) { try put("nothing", "b") }
        #expect(throws: CopyError.self) { try put("a/", "b") }
        let failure = #expect(throws: AgentFailure.self) { _ = try get("nothing", "b", name: "nothing") }
        #expect(failure?.text.contains("No such file or directory") == true)
        #expect(try place.names().contains("b") == false)
    }

    @Test func linksAndOthers() throws {
        try place.write("a", "A")
        try FileManager.default.createSymbolicLink(atPath: place.file("to-a"), withDestinationPath: "a")
        try put("to-a", "copied-link")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: place.file("copied-link")) == "a")
        try put("to-a", "copied-file", follows: true)
        #expect(try place.read("copied-file") == "A")
        try place.makeDirectory("odd")
        #expect(mkfifo(place.file("odd/pipe"), 0o600) == 0)
        let warnings = try get("odd", "even", name: "odd")
        #expect(warnings.count == 1 && warnings[0].contains("odd/pipe: left out"))
        #expect(try place.names("even").isEmpty)
    }

    /// Where a guest's link led its host once, a file of the same name does not follow.
    @Test func linksOfAGuestStayHarmless() throws {
        try place.makeDirectory("guest")
        try place.write("mine", "precious")
        try FileManager.default.createSymbolicLink(
            atPath: place.file("guest/log"), withDestinationPath: place.file("mine"))
        let warnings = try get("guest/log", "log", name: "log")
        #expect(warnings.count == 1 && warnings[0].contains("a symbolic link to \(place.file("mine"))"))
        try FileManager.default.removeItem(atPath: place.file("guest/log"))
        try place.write("guest/log", "other")
        #expect(try get("guest/log", "log", name: "log").isEmpty)
        #expect(try place.read("log") == "other")
        #expect(try place.read("mine") == "precious")
        #expect((try? FileManager.default.destinationOfSymbolicLink(atPath: place.file("log"))) == nil)
    }

    @Test func noFileTakesThePlaceOfADevice() throws {
        try place.write("a", "A")
        #expect(mkfifo(place.file("pipe"), 0o600) == 0)
        let failure = #expect(throws: AgentFailure.self) { try put("a", "pipe") }
        #expect(failure?.text.contains("neither a file nor a directory") == true)
        #expect(throws: CopyError.self) { _ = try get("a", "pipe", name: "a") }
        #expect(try place.names() == ["a", "agent", "pipe"])
    }

    /// What a guest's files could do to the host's users: it does not get there.
    @Test func privilegesStayBehind() throws {
        try place.write("tool", "x", mode: 0o4755)
        _ = try get("tool", "fetched", name: "tool")
        let mode = try FileManager.default.attributesOfItem(atPath: place.file("fetched"))[.posixPermissions] as? Int
        #expect(mode == 0o755)
    }

    @Test func largeFiles() throws {
        #expect(try agent.run("sh", "-c", "seq 1 6000000 >\(place.file("large"))").status == .exited(0))
        let before = try RunningAgent.settled { agent.descriptorCount }
        try put("large", "there")
        _ = try get("there", "back", name: "there")
        #expect(try agent.run("cmp", place.file("large"), place.file("back")).status == .exited(0))
        try eventually("nothing is left") { agent.children.isEmpty && agent.descriptorCount == before }
    }

    /// A disk that is full is told, and what was begun is removed.
    @Test(.enabled(if: geteuid() == 0, "needs root, to mount")) func fullDisks() throws {
        let small = try place.makeDirectory("small")
        let mount = MountRequest(source: "none", target: small, type: "tmpfs", options: ["size=1M"])
        #expect(try agent.connect().ask(.mount(mount)) == .done)
        defer { _ = try? agent.connect().ask(.unmount(target: small)) }
        try place.write("large", String(repeating: "x", count: 3 << 20))
        let failure = #expect(throws: AgentFailure.self) { try put("large", "small/") }
        #expect(failure?.text.contains("No space left on device") == true, "\(failure as Any)")
        #expect(try place.names("small").isEmpty)
        // The agent lives, and there is room for something smaller.
        try place.write("little", "x")
        try put("little", "small/")
        #expect(try place.names("small") == ["little"])
    }

    /// How a mount is shared with copies of it takes a call of its own; where that fails nothing stays mounted.
    @Test(.enabled(if: geteuid() == 0, "needs root, to mount")) func sharedMounts() throws {
        let target = try place.makeDirectory("mount")
        func propagation() throws -> String? {
            let lines = try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8).split(separator: "\n")
            let fields = lines.last { $0.contains(" \(target) ") }?.split(separator: " ")
            return fields.map { String($0[6]) }
        }
        for (options, expected) in [
            (["private"], "-"), (["rshared", "ro"], "shared"), (["size=1M", "noexec", "shared", "private"], "-"),
            (["unbindable"], "unbindable"),
        ] {
            let mount = MountRequest(source: "none", target: target, type: "tmpfs", options: options)
            #expect(try agent.connect().ask(.mount(mount)) == .done, "\(options)")
            #expect(try propagation()?.hasPrefix(expected) == true, "\(options)")
            #expect(try agent.connect().ask(.unmount(target: target)) == .done)
        }
        let options = ["ro", "rslave", "rprivate"]
        let bind = MountRequest(source: place.path, target: target, type: "bind", options: options)
        #expect(try agent.connect().ask(.mount(bind)) == .done)
        #expect(try propagation() == "-")
        #expect(throws: (any Error).self) { try place.write("mount/new", "x") }
        #expect(try agent.connect().ask(.unmount(target: target)) == .done)
        let wrong = MountRequest(source: "none", target: target, type: "tmpfs", options: ["no-such-option"])
        #expect(throws: AgentFailure.self) { try agent.connect().ask(.mount(wrong)) }
        #expect(try propagation() == nil)
    }

    /// A client that goes in the middle leaves nothing.
    @Test func clientsThatGo() throws {
        do {
            let channel = try agent.connect()
            try channel.send(AgentRequest.put(CopyTarget(path: path("half"), takesContents: false)).frame)
            let name = try #require(EntryName(Array("half".utf8)))
            try channel.send(TreePiece.file(name, ProtocolTests.attributes).frame)
            try channel.send(TreePiece.data([1, 2, 3]).frame)
        }
        try eventually("nothing is left") { agent.children.isEmpty }
        #expect(try place.names() == ["agent"])
    }

    // MARK: A sender that means harm

    private func receive(_ pieces: [TreePiece], into target: String) throws {
        let receiver = FileTreeReceiver(CopyTarget(path: path(target), takesContents: false), modes: 0o777)
        for piece in pieces { try receiver.take(piece) }
    }

    /// A link that is sent first leads nowhere for what is sent then.
    @Test func linksAreNotFollowed() throws {
        let outside = try place.makeDirectory("outside")
        try place.makeDirectory("inside")
        let (name, other) = (try #require(EntryName(Array("x".utf8))), try #require(EntryName(Array("top".utf8))))
        let attributes = TreePiece.Attributes(mode: 0o755, seconds: 0, nanoseconds: 0)
        #expect(throws: CopyError.self) {
            try receive(
                [
                    .directory(other, attributes), .link(name, target: Array(outside.utf8)),
                    .directory(name, attributes), .file(name, attributes), .end, .end, .end, .treeEnd,
                ], into: "inside")
        }
        // A file of that name takes the link's place.
        try place.write("outside/x", "mine")
        try receive(
            [
                .directory(other, attributes), .link(name, target: Array((outside + "/x").utf8)),
                .file(name, attributes), .data([1]), .end, .end, .treeEnd,
            ], into: "inside")
        #expect(try place.read("outside/x") == "mine")
        #expect(try place.names("outside") == ["x"])
    }

    @Test func piecesOutOfPlace() throws {
        let name = try #require(EntryName(Array("x".utf8)))
        let attributes = TreePiece.Attributes(mode: 0o755, seconds: 0, nanoseconds: 0)
        let wrong: [[TreePiece]] = [
            [.data([1])], [.end], [.treeEnd], [.directory(name, attributes), .data([1])],
            [.file(name, attributes), .directory(name, attributes)], [.file(name, attributes), .end, .end],
            [.file(name, attributes), .end, .file(name, attributes)], [.directory(name, attributes), .treeEnd],
            [.directory(name, attributes), .end, .directory(name, attributes)],
            [.link(name, target: [0x61]), .treeEnd, .treeEnd],
        ]
        for (number, pieces) in wrong.enumerated() {
            try place.makeDirectory("inside-\(number)")
            #expect(throws: ProtocolError.self) { try receive(pieces, into: "inside-\(number)") }
        }
        let deep = (0...AgentProtocol.maximumDepth).map { _ in TreePiece.directory(name, attributes) }
        try place.makeDirectory("deep")
        #expect(throws: CopyError.self) { try receive(deep, into: "deep") }
    }
}
