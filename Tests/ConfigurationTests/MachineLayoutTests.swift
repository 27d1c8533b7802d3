import Configuration
import Testing

@Suite struct MachineLayoutTests {
    private func ram(_ configuration: MachineConfiguration) throws -> [[UInt64]] {
        try configuration.validated().ramRanges.map { [$0.start, $0.size, UInt64($0.node)] }
    }

    @Test func bootMemoryLeavesAHoleBelow4G() throws {
        #expect(try ram(MachineConfiguration(memory: .mebibytes(128))) == [[0, 128 << 20, 0]])
        #expect(try ram(MachineConfiguration(memory: .gibibytes(3))) == [[0, 3 << 30, 0]])
        #expect(
            try ram(MachineConfiguration(memory: .gibibytes(4))) == [[0, 3 << 30, 0], [4 << 30, 1 << 30, 0]])
    }

    @Test func nodesShareBootMemoryInTheirOrder() throws {
        let configuration = MachineConfiguration(
            processors: 2, memory: .gibibytes(6),
            nodes: [
                NUMANode(id: 5, memory: 2 << 30), NUMANode(id: 1, processors: [0, 1], memory: 2 << 30),
                NUMANode(id: 3, memory: 2 << 30), NUMANode(id: 2),
            ])
        #expect(
            try ram(configuration) == [
                [0, 2 << 30, 1], [2 << 30, 1 << 30, 3], [4 << 30, 1 << 30, 3], [5 << 30, 2 << 30, 5],
            ])
    }

    @Test func aNodeThatEndsAtTheHoleIsNotSplit() throws {
        let configuration = MachineConfiguration(
            memory: .gibibytes(4),
            nodes: [NUMANode(id: 0, processors: [0], memory: 3 << 30), NUMANode(id: 1, memory: 1 << 30)])
        #expect(try ram(configuration) == [[0, 3 << 30, 0], [4 << 30, 1 << 30, 1]])
    }

    @Test func regionsLieAlignedAboveBootMemory() throws {
        var configuration = MachineConfiguration(memoryDevices: [
            MemoryDevice(id: "a", size: 2 << 20), MemoryDevice(id: "b", size: 3 << 30),
            MemoryDevice(id: "c", size: 2 << 30),
        ])
        var layout = try configuration.validated()
        #expect(layout.memoryDeviceRegions.map(\.start) == [4 << 30, 6 << 30, 10 << 30])
        #expect(layout.end == 12 << 30)
        configuration.memory = .gibibytes(4)
        layout = try configuration.validated()
        #expect(layout.memoryDeviceRegions.map(\.start) == [6 << 30, 8 << 30, 12 << 30])
    }

    @Test func regionsOfLargeBlocksBeginAtAMultipleOfThem() throws {
        let layout = try MachineConfiguration(memoryDevices: [
            MemoryDevice(id: "vm0", size: .gibibytes(2)),
            MemoryDevice(id: "vm1", size: .gibibytes(8), blockSize: .gibibytes(4)),
        ]).validated()
        #expect(layout.memoryDeviceRegions.map(\.start) == [.gibibytes(4), .gibibytes(8)])
    }

    @Test func theAddressSpaceMayBeFilledToItsEnd() throws {
        let device = MemoryDevice(id: "vm0", size: (1 << 40) - (4 << 30))
        let layout = try MachineConfiguration(memoryDevices: [device]).validated(physicalAddressBits: 40)
        #expect(layout.end == 1 << 40)
        let more = MachineConfiguration(memoryDevices: [device, MemoryDevice(id: "vm1", size: 2 << 20)])
        #expect(
            mistake { try more.validated(physicalAddressBits: 40) }
                == "--virtio-mem vm1: size 2M is too large: the region would begin at 1T, and the processor's 40"
                + " physical address bits reach 1T")
        try more.validated(physicalAddressBits: 41)
    }

    @Test func interruptLinesAreSharedOnlyBeyondThoseThatExist() throws {
        func windows(_ count: Int) throws -> [MachineLayout.VirtioWindow] {
            try MachineConfiguration(
                memoryDevices: (0..<count).map { MemoryDevice(id: "vm\($0)", size: 2 << 20) }, hasEntropy: false
            ).validated().virtioWindows
        }
        let few = try windows(17)
        #expect(few.map(\.interrupt) == [16, 17, 18, 19, 20, 21, 22, 23, 5, 6, 7, 10, 11, 12, 13, 14, 15])
        #expect(few.map(\.address) == (0..<17).map { 0xd000_0000 + $0 * 0x1000 })
        #expect(few.allSatisfy { !$0.isShared })
        let some = try windows(19)
        #expect(some.indices.filter { some[$0].isShared } == [0, 1, 17, 18])
        #expect(some[17].interrupt == 16 && some[18].interrupt == 17)
        #expect(try windows(64).allSatisfy(\.isShared))
    }

    @Test func eachVirtioDeviceHasItsWindow() throws {
        let devices = [MemoryDevice(id: "vm0", size: 2 << 20), MemoryDevice(id: "vm1", size: 2 << 20)]
        let layout = try MachineConfiguration(memoryDevices: devices).validated()
        #expect(layout.virtioWindows.map(\.address) == [0xd000_0000, 0xd000_1000, 0xd000_2000])
        let disks = [Disk(id: "root", path: "root.img"), Disk(id: "data", path: "data.img")]
        let others = try MachineConfiguration(hasEntropy: false, disks: disks).validated()
        #expect(others.virtioWindows.map(\.address) == [0xd000_0000, 0xd000_1000])
        #expect(try MachineConfiguration(hasEntropy: false, hasConsole: true).validated().virtioWindows.count == 1)
        #expect(try MachineConfiguration(balloon: Balloon()).validated().virtioWindows.count == 2)
    }

    @Test func nothingOverlaps() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            let nodes = (0..<UInt32.random(in: 1...5, using: &random)).map { id in
                NUMANode(
                    id: id, processors: id == 0 ? [0] : [], memory: .mebibytes(.random(in: 0...3000, using: &random)))
            }
            let memory = nodes.reduce(0) { $0 + $1.memory }
            guard memory > 0 else { continue }
            let configuration = MachineConfiguration(
                memory: memory, nodes: nodes,
                memoryDevices: (0..<Int.random(in: 0...8, using: &random)).map {
                    MemoryDevice(id: "vm\($0)", size: 2 << 20 * .random(in: 1...5000, using: &random))
                })
            let layout = try configuration.validated()
            let windowsEnd = Platform.virtioWindowStart + UInt64(layout.virtioWindows.count) * Platform.virtioWindowSize
            var used = layout.ramRanges.map { $0.start..<$0.end } + layout.memoryDeviceRegions.map { $0.start..<$0.end }
            used.append(Platform.virtioWindowStart..<windowsEnd)
            used.sort { $0.lowerBound < $1.lowerBound }
            #expect(zip(used, used.dropFirst()).allSatisfy { !$0.overlaps($1) })
            #expect(layout.ramRanges.reduce(0) { $0 + $1.size } == memory)
            for node in nodes {
                let size = layout.ramRanges.filter { $0.node == node.id }.reduce(0) { $0 + $1.size }
                #expect(size == node.memory)
            }
        }
    }
}
