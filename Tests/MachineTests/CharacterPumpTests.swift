import Host
import Testing

@testable import Machine

/// What moves bytes between a guest's port and its channel.
struct CharacterPumpTests {
    /// A guest that never has nothing to write.
    private final class EndlessPort: CharacterPort {
        let event: EventDescriptor
        private(set) var count = 0

        init() throws {
            event = try EventDescriptor()
        }

        func takeOutput(limit: Int) -> [UInt8] {
            count += limit
            return [UInt8](repeating: 0x61, count: limit)
        }

        func receive(_ bytes: [UInt8]) -> Int { bytes.count }
    }

    @Test(.timeLimit(.minutes(1))) func aGuestThatWritesWithoutAnEndKeepsNoMachineAlive() throws {
        let port = try EndlessPort()
        let pump = try CharacterPump(port, .null, option: "--console", loop: EventLoop(), events: { _ in })
        pump.flush(patience: 2_000)
        #expect(port.count >= 64 << 10, "what may well wait at the end")
        #expect(port.count <= 4 << 20)
    }
}
