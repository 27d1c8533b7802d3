import AgentProtocol
import Testing

/// Frames and what they hold, also where the other end does not keep to the protocol.
@Suite struct ProtocolTests {
    static let requests: [AgentRequest] = [
        .exec(ExecRequest(["true"])),
        .exec(
            ExecRequest(
                ["sh", "-c", "echo ä", ""], environment: ["A=b", "C="], directory: "/tmp", user: "1000:5",
                hasInput: true,
                terminal: WindowSize(rows: 24, columns: 80))),
        .exec(
            ExecRequest(["sleep", "1"], environment: ["A=b"], directory: "/tmp", user: "1000", isDetached: true)),
        .put(CopyTarget(path: [0x2f, 0xff], takesContents: true)),
        .get(CopySource(path: Array("/etc/".utf8), followsLink: false)),
        .memory, .information,
        .online(OnlineRequest(.movable, node: 3, staysSo: true)), .online(OnlineRequest(.online)),
        .mount(MountRequest(source: "tag", target: "/mnt", type: "virtiofs", options: ["ro", "noexec"])),
        .unmount(target: "/mnt"), .shutdown(.powerOff), .shutdown(.halt),
    ]

    static let report: MemoryReport = {
        var report = MemoryReport()
        report.amounts = [.init("MemTotal", 1 << 40), .init("HugePages_Total", 3)]
        report.nodes = [.init(number: 2, amounts: [.init("MemFree", 7)])]
        var zone = MemoryReport.Zone(node: 1, name: "Movable")
        (zone.free, zone.minimum, zone.low, zone.high) = (1, 2, 3, 4)
        (zone.spanned, zone.present, zone.managed) = (5, 6, 7)
        report.zones = [zone]
        report.pressure = [.init(kind: "some", averages: [12, 0, 10_000], total: 99)]
        report.blockSize = 128 << 20
        report.blocks = [.init(first: 32, count: 8, node: 1, state: "online", zones: "Movable")]
        return report
    }()

    static let messages: [AgentMessage] = [
        .started(process: 77), .output([1, 2, 3]), .errors([]), .exited(.exited(255)), .exited(.killed(signal: 9)),
        .credit(65536), .done, .failed(AgentFailure(.notFound, "why")), .warning("left out"), .memoryReport(report),
        .onlineReport(OnlineReport(onlined: 1, refused: 2, reason: "memory3: busy")),
        .informationReport(AgentInformation(kernel: "6.1.0", process: 1, commands: 4)),
    ]

    static let attributes = TreePiece.Attributes(mode: 0o4755, seconds: -5, nanoseconds: 999_999_999)

    static let pieces: [TreePiece] = {
        let name = EntryName([0x61, 0xff]) ?? .unnamed
        return [
            .directory(name, attributes), .file(name, attributes), .data([9]), .link(name, target: [0x2e]), .end,
            .treeEnd,
        ]
    }()

    static let inputs: [ExecInput] = [
        .input([0, 255]), .inputEnd, .signal(15), .windowSize(WindowSize(rows: 1, columns: 65535)),
    ]

    private func parsed(_ bytes: [UInt8], step: Int) throws -> [Frame] {
        var parser = FrameParser()
        var frames: [Frame] = []
        for start in stride(from: 0, to: bytes.count, by: step) {
            parser.append(bytes[start..<min(start + step, bytes.count)])
            while let frame = try parser.next() { frames.append(frame) }
        }
        #expect(parser.waitingCount == 0)
        return frames
    }

    /// All frames come out as they went in, however the stream is cut.
    @Test(arguments: [1, 2, 7, 4096]) func framesSurviveTheirWay(_ step: Int) throws {
        var frames = Self.requests.map(\.frame) + Self.messages.map(\.frame)
        frames += Self.pieces.map(\.frame) + Self.inputs.map(\.frame)
        #expect(try parsed(frames.flatMap(\.bytes), step: step) == frames)
    }

    @Test func valuesSurviveTheirWay() throws {
        for request in Self.requests { #expect(try AgentRequest(request.frame) == request) }
        for message in Self.messages { #expect(try AgentMessage(message.frame) == message) }
        for piece in Self.pieces { #expect(try TreePiece(piece.frame) == piece) }
        for input in Self.inputs { #expect(try ExecInput(input.frame) == input) }
    }

    /// What a later version adds behind the values is not looked at.
    @Test func longerPayloadsAreUnderstood() throws {
        for request in Self.requests {
            #expect(try AgentRequest(Frame(request.frame.type, request.frame.payload + [1, 2, 3])) == request)
        }
    }

    /// An agent that knows nothing of them must not take them for commands that end with their clients.
    @Test func commandsWithoutAClientAreAnotherRequest() {
        let request = ExecRequest(["true"], isDetached: true)
        #expect(AgentRequest.exec(request).frame.type == .start)
        #expect(AgentRequest.exec(ExecRequest(["true"])).frame.type == .exec)
    }

    /// Every payload that is cut short is refused, or a value of its own: never a crash.
    @Test func truncatedPayloads() {
        for frame in Self.requests.map(\.frame) {
            for count in 0..<frame.payload.count {
                #expect(throws: ProtocolError.self) {
                    try AgentRequest(Frame(frame.type, Array(frame.payload.prefix(count))))
                }
            }
        }
        let hasOwnLength: Set<FrameType> = [.output, .errors]
        for frame in Self.messages.map(\.frame) where !hasOwnLength.contains(frame.type) {
            for count in 0..<frame.payload.count {
                #expect(throws: ProtocolError.self) {
                    try AgentMessage(Frame(frame.type, Array(frame.payload.prefix(count))))
                }
            }
        }
    }

    @Test func headersAreJudgedAtOnce() throws {
        var parser = FrameParser()
        parser.append([1, 0, 0x10, 0, 1])
        #expect(throws: ProtocolError.oversizedPayload(0x10_0001)) { try parser.next() }
        parser = FrameParser()
        parser.append([0, 0, 0, 0, 0xee])
        #expect(throws: ProtocolError.unknownFrameType(0xee)) { try parser.next() }
        parser = FrameParser()
        parser.append([0, 0, 0x10, 0, 1])
        #expect(try parser.next() == nil)
    }

    @Test func otherVersionsAreNamed() {
        #expect(throws: ProtocolError.unsupportedVersion(2)) { try AgentRequest(Frame(.exec, [2, 0])) }
        #expect(throws: ProtocolError.unexpectedFrame(.output)) { try AgentRequest(Frame(.output, [1, 0])) }
    }

    /// A list can't announce more elements than there are bytes for.
    @Test func listsThatCannotBe() {
        #expect(throws: ProtocolError.truncatedPayload(.exec)) {
            try AgentRequest(Frame(.exec, [1, 0, 0xff, 0xff, 0xff, 0xff]))
        }
        #expect(throws: ProtocolError.truncatedPayload(.memoryReport)) {
            try AgentMessage(Frame(.memoryReport, [0xff, 0xff, 0xff, 0x7f]))
        }
    }

    @Test(arguments: ["", ".", "..", "a/b", "/", "a\0", String(repeating: "x", count: 256)])
    func namesThatLeaveADirectory(_ name: String) {
        #expect(EntryName(Array(name.utf8)) == nil)
        let bytes = Array(name.utf8)
        var payload = (0..<4).map { UInt8(truncatingIfNeeded: bytes.count >> (8 * $0)) } + bytes
        payload += [UInt8](repeating: 0, count: 14)
        #expect(throws: ProtocolError.self) { try TreePiece(Frame(.file, payload)) }
    }

    @Test func textWithZeroes() {
        #expect(throws: ProtocolError.invalidValue(.unmount, "target")) {
            try AgentRequest(Frame(.unmount, [1, 0, 2, 0, 0, 0, 0x2f, 0]))
        }
        #expect(throws: ProtocolError.invalidValue(.unmount, "target")) {
            try AgentRequest(Frame(.unmount, [1, 0, 1, 0, 0, 0, 0xff]))
        }
    }

    /// Bytes of any kind, and true frames with some of them changed, end in a value or an error.
    @Test func noBytesCrashAnEnd() {
        var random = SystemRandomNumberGenerator()
        let frames = Self.requests.map(\.frame) + Self.messages.map(\.frame) + Self.pieces.map(\.frame)
        for round in 0..<20_000 {
            var bytes = frames[round % frames.count].bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            if round % 5 == 0 { bytes = bytes.map { _ in .random(in: 0...255, using: &random) } }
            var parser = FrameParser()
            parser.append(bytes)
            while let frame = try? parser.next() {
                _ = try? AgentRequest(frame)
                _ = try? AgentMessage(frame)
                _ = try? TreePiece(frame)
                _ = try? ExecInput(frame)
            }
        }
    }
}
