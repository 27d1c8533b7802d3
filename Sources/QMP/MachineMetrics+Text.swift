import Machine
import VirtioMem

extension MachineMetrics {
    /// The metrics in Prometheus's text format.
    ///
    /// - Parameters:
    ///   - machine: its name.
    ///   - residentMemory: of the process, in bytes.
    func text(machine: String, residentMemory: UInt64) -> String {
        var text = PrometheusText(labels: [("machine", machine)])
        text.begin("process_resident_memory_bytes", "gauge", "Memory of the host that the process has.")
        text.sample("process_resident_memory_bytes", [], residentMemory)
        text.begin("swiftlet_resets_total", "counter", "Restarts of the guest.")
        text.sample("swiftlet_resets_total", [], resets)
        addExits(to: &text)
        guard !devices.isEmpty else { return text.text }
        addSizes(to: &text)
        addRequests(to: &text)
        add("request", "How long the device took for what its driver queued at once.", \.requestTime, to: &text)
        add("resize", "How long it took from a requested size until the guest had it.", \.resizeTime, to: &text)
        return text.text
    }

    private func addExits(to text: inout PrometheusText) {
        let name = "swiftlet_vcpu_exits_total"
        text.begin(name, "counter", "Exits of a vCPU to its thread; what KVM does by itself is not among them.")
        for (index, exits) in exits.enumerated() {
            for reason in ExitReason.allCases {
                text.sample(name, [("vcpu", "\(index)"), ("reason", reason.rawValue)], exits[reason] ?? 0)
            }
        }
    }

    private func addSizes(to text: inout PrometheusText) {
        typealias Value = (MemoryDeviceMetrics) -> UInt64
        let sizes: [(name: String, type: String, help: String, value: Value)] = [
            ("requested_bytes", "gauge", "What the guest is asked to have plugged.", { $0.status.requestedSize }),
            ("plugged_bytes", "gauge", "What it has plugged.", { $0.status.pluggedSize }),
            ("usable_bytes", "gauge", "The size of the usable region.", { $0.status.usableSize }),
            ("slots", "gauge", "KVM memory slots that are live.", { UInt64($0.slotCount) }),
            ("region_bytes", "gauge", "The most that can be plugged.", { $0.status.regionSize }),
            ("plugged_bytes_total", "counter", "What was ever plugged.", { $0.pluggedBytes }),
            ("unplugged_bytes_total", "counter", "What was ever unplugged.", { $0.unpluggedBytes }),
            ("violations_total", "counter", "How often unplugged memory was touched.", { $0.violations }),
        ]
        for size in sizes {
            let name = "swiftlet_memory_device_\(size.name)"
            text.begin(name, size.type, size.help)
            for device in devices {
                text.sample(name, [("device", device.status.id)], size.value(device))
            }
        }
    }

    private func addRequests(to text: inout PrometheusText) {
        let name = "swiftlet_memory_device_requests_total"
        text.begin(name, "counter", "Requests of the driver, by type and response.")
        for device in devices {
            let activity = device.activity
            let types = [
                ("plug", activity.plug), ("unplug", activity.unplug), ("unplug_all", activity.unplugAll),
                ("state", activity.state), ("unknown", activity.unknown),
            ]
            for (type, count) in types {
                let responses = [
                    ("ack", count.acknowledged), ("nack", count.rejected), ("busy", count.busy), ("error", count.wrong),
                ]
                for (response, number) in responses {
                    text.sample(
                        name, [("device", device.status.id), ("type", type), ("response", response)], number)
                }
            }
        }
    }

    private func add(
        _ what: String, _ help: String, _ histogram: (MemoryDeviceMetrics) -> LatencyHistogram,
        to text: inout PrometheusText
    ) {
        let name = "swiftlet_memory_device_\(what)_seconds"
        text.begin(name, "histogram", help)
        for device in devices {
            let label = ("device", device.status.id)
            let times = histogram(device)
            var count: UInt64 = 0
            for (index, number) in times.counts.enumerated() {
                count &+= number
                let bound = index < times.bounds.count ? Self.seconds(times.bounds[index]) : "+Inf"
                text.sample("\(name)_bucket", [label, ("le", bound)], count)
            }
            text.sample("\(name)_sum", [label], Self.seconds(times.sum))
            text.sample("\(name)_count", [label], count)
        }
    }

    private static func seconds(_ nanoseconds: UInt64) -> String { "\(Double(nanoseconds) / 1e9)" }
}
