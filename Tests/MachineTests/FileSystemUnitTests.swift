import Configuration
import Host
import SystemPackage
import Testing
import VhostUser
import VhostUserTestSupport

@testable import Machine

/// Machines with file systems, and those who serve them.
@Suite(.needsKVM, .timeLimit(.minutes(1))) struct FileSystemUnitTests {
    private let backend: FakeBackend
    private let socket: MessageSocket

    init() throws {
        (backend, socket) = try FakeBackend.make()
    }

    private func configuration(_ fileSystem: FileSystem? = nil) -> MachineConfiguration {
        var configuration = TestMachine.configuration(devices: [
            MemoryDevice(id: "vm0", size: .gibibytes(1), backend: MemoryBackend(.memfd))
        ])
        configuration.memoryBackend = MemoryBackend(.memfd)
        configuration.fileSystems = [
            fileSystem
                ?? FileSystem(
                    id: "data", tag: "t", source: .socket(path: "/nowhere"), descriptor: socket.descriptor.rawValue)
        ]
        return configuration
    }

    /// Why a machine can't be built.
    private func error(_ configuration: MachineConfiguration) throws -> String? {
        let kernel = try TestMachine.makeKernel([0xF4])
        try Machine.installProcessHandlers()
        return #expect(throws: MachineError.self) {
            _ = try Machine(configuration, boot: TestMachine.boot(kernel.descriptor, size: 1))
        }?.description
    }

    @Test func theEndOfABackendIsToldAndTheMachineLivesOn() throws {
        try backend.serving {
            let machine = try TestMachine(image: [0xEB, 0xFE], configuration: configuration())
            try machine.machine.resume()
            backend.hangUp()
            let event = machine.waitForEvent { event in
                if case .warning = event { true } else { false }
            }
            #expect(
                event
                    == .warning(
                        "data: the back-end has ended, or closed the connection: the device needs a reset, and what the"
                            + " guest does there waits"))
            #expect(try machine.machine.state() == .running)
            try machine.machine.reset()
            try machine.machine.setRequestedSize(.mebibytes(128), of: "vm0")
            #expect(machine.events.count { if case .warning = $0 { true } else { false } } == 1)
        }
    }

    @Test func aBackendThatEndsAtOnceKeepsTheMachineFromItsStart() throws {
        backend.react(to: .getFeatures, .end)
        try backend.serving {
            let text = try error(configuration())
            #expect(text == "--fs data: the back-end has ended, or closed the connection")
        }
    }

    @Test func aBackendWithFewRegionsKeepsTheMachineFromItsStart() throws {
        backend.offer(slots: 1)
        try backend.serving {
            let text = try error(configuration())
            #expect(text == "--fs data: the back-end takes 1 regions of memory, and 2 are needed")
        }
    }

    @Test func aDirectoryNeedsSomebodyWhoServesIt() throws {
        let text = try error(
            configuration(FileSystem(id: "a", tag: "t", source: .directory(path: "/", isReadOnly: false))))
        #expect(text?.hasPrefix("--share a: the back-end lacks a process") == true)
        let missing = try error(configuration(FileSystem(id: "a", tag: "t", source: .socket(path: "/nowhere"))))
        #expect(missing == "--fs a: connect /nowhere: No such file or directory")
    }
}
