import Configuration
import JSON
import Testing

@testable import Machine
@testable import QMP

/// A machine on paper, and clients of QMP that talk to it.
struct QMPFixture {
    let machine = FakeMachine(
        devices: [
            MemoryDeviceStatus(
                id: "vm0", address: 0x1_0000_0000, node: 0, requestedSize: 128 << 20, pluggedSize: 126 << 20,
                usableSize: 2 << 30, regionSize: 8 << 30, blockSize: 2 << 20),
            MemoryDeviceStatus(
                id: "vm1", address: 0x3_0000_0000, node: 1, requestedSize: 80 << 20, pluggedSize: 0,
                usableSize: 2 << 30, regionSize: 8 << 30, blockSize: 4 << 20),
        ],
        slots: [MemorySlotStatus(addresses: 0..<0x2000_0000, name: "ram")])
    let configuration = MachineConfiguration(
        name: "box", processors: ProcessorTopology(count: 4, sockets: 2, cores: 1, threads: 2), memory: .gibibytes(4),
        nodes: [
            NUMANode(id: 1, processors: [2, 3], memory: .gibibytes(1)),
            NUMANode(id: 0, processors: [0, 1], memory: .gibibytes(3)),
        ])

    func session(isReady: Bool = true) -> QMPSession {
        var session = QMPSession(executor: QMPExecutor(machine: machine, configuration: configuration, serial: .null))
        if isReady { _ = session.receive(Array(#"{"execute": "qmp_capabilities"}"#.utf8)) }
        return session
    }
}

extension QMPSession {
    /// Sends text; returns what comes back, as values.
    mutating func say(_ text: String) -> [JSONValue] {
        receive(Array(text.utf8)).compactMap { action in
            guard case .send(let bytes) = action else { return nil }
            return try? JSONParser.parse(bytes[...])
        }
    }
}
