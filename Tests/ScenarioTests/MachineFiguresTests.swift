import Testing

@testable import ScenarioRunner

/// What is read of a machine's metrics.
struct MachineFiguresTests {
    @Test func theyAreRead() {
        let figures = MachineFigures(
            text: """
                # HELP swiftlet_memory_device_plugged_bytes What it has plugged.
                swiftlet_resets_total{machine="a"} 2
                swiftlet_memory_device_requested_bytes{machine="a",device="vm0"} 8388608
                swiftlet_memory_device_plugged_bytes{machine="a",device="vm0"} 4194304
                swiftlet_memory_device_plugged_bytes{machine="a",device="vm1"} 1
                swiftlet_memory_device_slots{machine="a",device="vm0"} 3
                swiftlet_memory_device_slots{machine="a",device="vm1"} 4
                swiftlet_memory_device_request_seconds_sum{machine="a",device="vm0"} 5.02
                """)
        #expect(figures.slots == 7 && figures.devices.count == 2)
        #expect(figures.devices["vm0"]?.requested == 8 << 20 && figures.devices["vm0"]?.plugged == 4 << 20)
        #expect(figures.devices["vm1"]?.plugged == 1)
    }
}
