import Host
import Synchronization
import Testing

@testable import Machine

@Suite struct DeviceWarningsTests {
    private final class Log: Sendable {
        let texts = Mutex<[String]>([])
    }

    private let log = Log()
    private let loop: EventLoop
    private let warnings: DeviceWarnings

    init() throws {
        loop = try EventLoop()
        warnings = DeviceWarnings(about: "net0", loop: loop) { [log] event in
            if case .warning(let text) = event { log.texts.withLock { $0.append(text) } }
        }
    }

    private func texts(afterMilliseconds time: UInt64) throws -> [String] {
        loop.schedule(afterMilliseconds: time) { [loop] in loop.stop() }
        try loop.run()
        return log.texts.withLock { $0 }
    }

    @Test func whatComesTooSoonHasToWait() throws {
        for text in ["lost", "gone", "lost", "gone"] { warnings.warn(text) }
        #expect(try texts(afterMilliseconds: 100) == ["net0: lost"])
        #expect(try texts(afterMilliseconds: 1_000) == ["net0: lost", "net0: gone"])
        warnings.warn("back")
        #expect(try texts(afterMilliseconds: 1_000) == ["net0: lost", "net0: gone", "net0: lost"])
        #expect(try texts(afterMilliseconds: 1_000) == ["net0: lost", "net0: gone", "net0: lost", "net0: back"])
    }

    /// A guest can cause as many as it likes.
    @Test func thereIsRoomForAFew() throws {
        for number in 0..<1000 { warnings.warn("\(number)") }
        #expect(try texts(afterMilliseconds: 10_500) == (0...8).map { "net0: \($0)" })
        warnings.warn("then")
        #expect(log.texts.withLock { $0.last } == "net0: then")
    }
}
