import Devices
import Host
import SystemPackage
import VhostUser

@testable import Virtio

/// The file system device, whose driver and whose back-end do as the input says.
final class FileSystemTarget: FuzzTarget {
    private let memory: FuzzMemory
    private let file: OwnedFileDescriptor

    init() throws {
        memory = try FuzzMemory()
        file = try OwnedFileDescriptor(memoryFile: "fuzz")
    }

    func run(_ input: inout InputReader) {
        memory.reset()
        let server = FuzzBackend()
        let changesMemory = input.uint8() & 1 != 0
        server.greet(&input)
        let requirements = VhostUserBackend.Requirements(
            features: 1 << 32 | 3 << 28, queueCount: 2, changesMemory: changesMemory)
        guard
            let backend = try? VhostUserBackend(server.socket, path: nil, requirements: requirements, patience: 0)
        else { return }
        require(backend.features & ~requirements.features == 0, "no more is offered than was asked for")
        let events = demand("there are events") { try (0..<3).map { _ in try EventDescriptor() } }
        let device = VirtioFS(
            backend, tag: "fuzz", queueSize: 64, memory: memory.memory, kicks: Array(events[..<2]), call: events[2])
        let test = TransportUnderTest(device, memory: memory, features: [])
        while !input.isEmpty {
            test.step(&input) { _, input in act(on: backend, server, &input) }
            server.listen()
        }
        test.transport.withDevice { $0.reset() }
        look(at: backend)
    }

    private func act(on backend: VhostUserBackend, _ server: FuzzBackend, _ input: inout InputReader) {
        let choice = input.uint8()
        let part = VhostUserMemoryPart(
            guestAddress: UInt64(choice >> 4) << 21, size: 1 << 21, file: file.descriptor, fileOffset: 0)
        switch choice & 15 {
        case 0: try? backend.add(part)
        case 1: backend.remove(part)
        case 2: look(at: backend)
        default: server.speak(&input)
        }
    }

    /// A failure is told once, and somebody who has failed is not waited for any more.
    private func look(at backend: VhostUserBackend) {
        guard let finding = backend.look() else { return }
        require((finding.ends == nil) == (backend.failure != nil), "who has failed has no connection")
        require(finding.failure == nil || finding.failure == backend.failure, "what is told is what happened")
        require(!(hasPlantedBug && backend.failure == .unasked), "nobody says what was not asked for")
        require(told(backend) == nil || backend.failure != finding.failure, "it is told once")
    }

    private func told(_ backend: VhostUserBackend) -> VhostUserError? {
        backend.look()?.failure
    }
}
