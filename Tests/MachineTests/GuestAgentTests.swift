import Configuration
import Testing

@testable import Machine

/// The toolkit that other tests' guests are made with.
@Suite(.needsKVM) struct GuestAgentTests {
    @Test(arguments: [GuestAgent.Level.kernel, .user])
    func aGuestInCPlugsMemoryAndUsesIt(_ level: GuestAgent.Level) throws {
        let device = MemoryDevice(id: "vm0", size: .mebibytes(256), requestedSize: .mebibytes(128))
        let agent = try GuestAgent(
            level, configuration: TestMachine.configuration(devices: [device]))
        try agent.machine.resume()
        let start = GuestAgent.start
        #expect(try agent.tell(.startDevice, 0, 2).value == 1)
        #expect(try agent.tell(.map, start, start, 256 << 20).trap == nil)
        #expect(try agent.tell(.request, 0, start, 3).value == 0)
        #expect(try agent.machine.memoryDevices()[0].pluggedSize == 6 << 20)
        #expect(try agent.tell(.store, start + 8, 4, 0xCAFE).trap == nil)
        #expect(try agent.tell(.load, start + 8, 8).value == 0xCAFE)
        #expect(try agent.tell(.load, 0x4000_0000_0000, 8).trap == 14)
        #expect(try agent.tell(.load, 0x4000_0000_0000, 8).faultAddress == 0x4000_0000_0000)
    }

    @Test(arguments: [GuestAgent.Level.kernel, .user])
    func anotherVCPUDoesWhatItIsTold(_ level: GuestAgent.Level) throws {
        let agent = try GuestAgent(level, configuration: TestMachine.configuration(processors: 2))
        try agent.machine.resume()
        #expect(try agent.tell(.startCPU, 1).trap == nil)
        try agent.post(.load, GuestProgram.address, 1, cpu: 1)
        var answer = try agent.tell(.collect, 1)
        while !answer.isDone { answer = try agent.tell(.collect, 1) }
        #expect(answer.value == 0xEB, "the first byte of the image: a short jump")
        #expect(try agent.tell(.count, 1).value > 0)
    }
}
