import Testing
import VirtioMem

@testable import Machine
@testable import QMP

@Suite struct MachineMetricsTests {
    private static let device = MemoryDeviceStatus(
        id: "vm0", address: 1 << 32, node: 0, requestedSize: 8 << 20, pluggedSize: 4 << 20, usableSize: 64 << 20,
        regionSize: 1 << 30, blockSize: 2 << 20)

    private var metrics: MachineMetrics {
        var activity = RequestActivity()
        activity.plug = RequestActivity.Count(acknowledged: 3, rejected: 1, busy: 2)
        var time = MemoryDeviceMetrics.noRequests
        for nanoseconds: UInt64 in [10_000, 10_001, 5_000_000_000] { time.note(nanoseconds: nanoseconds) }
        return MachineMetrics(
            exits: [[.port: 7, .memoryFault: 1], [.mmio: 9]], resets: 2,
            devices: [
                MemoryDeviceMetrics(
                    status: Self.device, activity: activity, pluggedBytes: 6 << 20, unpluggedBytes: 2 << 20,
                    requestTime: time, violations: 1, slotCount: 5)
            ])
    }

    @Test func samplesAreThere() {
        let lines = metrics.text(machine: "a\"b\\c\nd", residentMemory: 4096).split(separator: "\n")
        let name = "machine=\"a\\\"b\\\\c\\nd\""
        for line in [
            "process_resident_memory_bytes{\(name)} 4096",
            "swiftlet_resets_total{\(name)} 2",
            "swiftlet_vcpu_exits_total{\(name),vcpu=\"0\",reason=\"port\"} 7",
            "swiftlet_vcpu_exits_total{\(name),vcpu=\"0\",reason=\"memory_fault\"} 1",
            "swiftlet_vcpu_exits_total{\(name),vcpu=\"1\",reason=\"mmio\"} 9",
            "swiftlet_vcpu_exits_total{\(name),vcpu=\"1\",reason=\"port\"} 0",
            "swiftlet_memory_device_requested_bytes{\(name),device=\"vm0\"} 8388608",
            "swiftlet_memory_device_plugged_bytes{\(name),device=\"vm0\"} 4194304",
            "swiftlet_memory_device_plugged_bytes_total{\(name),device=\"vm0\"} 6291456",
            "swiftlet_memory_device_unplugged_bytes_total{\(name),device=\"vm0\"} 2097152",
            "swiftlet_memory_device_slots{\(name),device=\"vm0\"} 5",
            "swiftlet_memory_device_violations_total{\(name),device=\"vm0\"} 1",
            "swiftlet_memory_device_requests_total{\(name),device=\"vm0\",type=\"plug\",response=\"nack\"} 1",
            "swiftlet_memory_device_request_seconds_bucket{\(name),device=\"vm0\",le=\"1e-05\"} 1",
            "swiftlet_memory_device_request_seconds_bucket{\(name),device=\"vm0\",le=\"3e-05\"} 2",
            "swiftlet_memory_device_request_seconds_bucket{\(name),device=\"vm0\",le=\"1.0\"} 2",
            "swiftlet_memory_device_request_seconds_bucket{\(name),device=\"vm0\",le=\"+Inf\"} 3",
            "swiftlet_memory_device_request_seconds_sum{\(name),device=\"vm0\"} 5.000020001",
            "swiftlet_memory_device_request_seconds_count{\(name),device=\"vm0\"} 3",
            "swiftlet_memory_device_resize_seconds_count{\(name),device=\"vm0\"} 0",
        ] {
            #expect(lines.contains { $0 == line }, "\(line)")
        }
    }

    /// Each metric is introduced once, before its samples, and no sample is there twice.
    @Test func theFormatIsKept() {
        var introduced: Set<Substring> = []
        var samples: Set<Substring> = []
        for line in metrics.text(machine: "m", residentMemory: 1).split(separator: "\n") {
            let words = line.split(separator: " ")
            if line.hasPrefix("# TYPE ") {
                #expect(introduced.insert(words[2]).inserted && ["counter", "gauge", "histogram"].contains(words[3]))
            } else if !line.hasPrefix("#") {
                #expect(words.count == 2 && Double(words[1]) != nil, "\(line)")
                #expect(samples.insert(words[0]).inserted, "\(line)")
                let name = line.prefix { $0 != "{" }
                #expect(introduced.contains { name.hasPrefix($0) }, "\(line)")
            }
        }
    }

    @Test func aMachineWithoutDevicesHasNone() {
        let text = MachineMetrics(exits: [[:]]).text(machine: "m", residentMemory: 1)
        #expect(!text.contains("memory_device") && text.contains("swiftlet_vcpu_exits_total"))
    }
}
