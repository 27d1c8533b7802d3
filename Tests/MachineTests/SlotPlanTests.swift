import Configuration
import Testing

@testable import Machine

/// KVM's memory slots are few on some hosts, and devices share them.
@Suite struct SlotPlanTests {
    private func device(_ id: String, _ size: UInt64, slotSize: UInt64? = nil) -> MemoryDevice {
        MemoryDevice(id: id, size: size, slotSize: slotSize)
    }

    @Test func devicesShareWhatOthersDoNotAskFor() throws {
        let devices = [
            device("a", .gibibytes(8)), device("b", .gibibytes(1), slotSize: .mebibytes(2)), device("c", .gibibytes(1)),
        ]
        let plan = try SlotPlan(devices, available: SlotPlan.reserve + 1512)
        #expect(plan.limits == [500, 512, 500])
    }

    @Test func aMachineWithoutDevicesNeedsNone() throws {
        #expect(try SlotPlan([], available: 0).limits == [])
    }

    @Test func moreThanTheHostHasIsRefusedInWords() {
        let devices = [device("a", .gibibytes(8)), device("b", .gibibytes(8), slotSize: .mebibytes(2))]
        let error = #expect(throws: ConfigurationError.self) {
            try SlotPlan(devices, available: SlotPlan.reserve + 509)
        }
        #expect(
            error?.description
                == "--virtio-mem b: slot-size 2M makes 4096 memory slots, and 508 are left on this host for all such"
                + " devices: give a larger slot-size, or none")
    }

    @Test func everyDeviceHasASlotAtLeast() throws {
        let devices = (0..<3).map { device("d\($0)", .gibibytes(8)) }
        #expect(try SlotPlan(devices, available: SlotPlan.reserve + 3).limits == [1, 1, 1])
        #expect(throws: ConfigurationError.self) { try SlotPlan(devices, available: SlotPlan.reserve + 2) }
    }
}
