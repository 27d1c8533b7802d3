import Configuration
import GuestMemory
import Host
import Testing

@testable import Machine

/// What a machine's memory is made of.
struct MachineMemoryTests {
    /// A huge page that the host makes of some pages may not reach into the next block.
    @Test(arguments: [(4 << 10, false), (1 << 20, false), (2 << 20, true), (128 << 20, true)] as [(UInt64, Bool)])
    func hugePagesAreNoLargerThanBlocks(_ blockSize: UInt64, _ hasHugePages: Bool) throws {
        let configuration = TestMachine.configuration(devices: [
            MemoryDevice(id: "vm0", size: .mebibytes(256), blockSize: blockSize)
        ])
        let layout = try MachineLayout(configuration, physicalAddressBits: 46)
        let regions = try MachineMemory.makeDeviceRegions(configuration, layout)
        #expect(regions.map { $0.mapping.backing.transparentHugePages } == [hasHugePages])
    }
}
