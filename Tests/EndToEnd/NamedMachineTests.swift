import Glibc
import Testing

/// Machines that have a name, and the commands that find them by it.
@Suite(.serialized, .needsKVMHost) struct NamedMachineTests {
    private static let devices = [
        "--memory", "256M", "--cmdline", "init_on_alloc=0", "--virtio-mem", "id=vm0,size=1G",
        "--virtio-mem", "id=vm1,size=1G",
    ]

    @Test func aMachineIsDrivenByItsName() throws {
        let swiftlet = CommandLine(directory: try TemporaryDirectory())
        try #require(try swiftlet("list").output.hasPrefix("no machine that has a name runs"))
        try #require(try swiftlet("list", "--json").output == "[]\n")
        let process = try swiftlet.start("web", Self.devices)
        try reportingOutput(of: process) {
            try process.waitFor("swiftlet guest ready: ", within: Guest.bootTime)
            let events = try SwiftletProcess(["events", "web"], environment: swiftlet.environment)
            let pid = process.child.pid
            let list = try swiftlet("list").output
            try #require(list.contains("\nweb   \(pid)"), "\(list)")
            try #require(list.contains("  running  1     256M  0          0        "), "\(list)")

            let grown = try swiftlet("resize", "web", "vm0", "512M", "--wait")
            try #require(grown.output.hasSuffix("vm0 512M of 512M\n"), "\(grown)")
            // A device's sizes are told once a second, so that the last may come behind what happens meanwhile.
            try events.waitFor("MEMORY_DEVICE_SIZE_CHANGE id=vm0 size=536870912\n")
            let spread = try swiftlet("resize", "web", "--total", "1280M", "--wait")
            try #require(spread.output.hasSuffix("vm0 512M of 512M, vm1 512M of 512M\n"), "\(spread)")
            let info = try swiftlet("info", "web", "--json").output
            try #require(info.contains("\"plugged\": 1073741824, \"requested\": 1073741824"), "\(info)")
            try #require(try swiftlet("monitor", "web", "qom-get", "vm1", "size").output == "536870912\n")

            try requireMetrics(try swiftlet("metrics", "web").output)

            let wrong = try swiftlet("resize", "web", "vm0", "3M", status: 1).errors
            try #require(wrong.contains("requested size 3M") || wrong.contains("block size"), "\(wrong)")
            try swiftlet("pause", "web")
            try #require(try swiftlet("list").output.contains("  paused "))
            let late = try swiftlet("resize", "web", "vm0", "0", "--wait", "--timeout", "2s", status: 1)
            try #require(
                late.errors.contains("swiftlet: web: vm0 has 512M of 0 after 2s: the guest is paused; "), "\(late)")
            try swiftlet("resume", "web")
            try #require(try swiftlet("resize", "web", "--total", "256M", "--wait").output.contains("vm1 0 of 0\n"))
            try events.waitFor("STOP\n")
            try events.waitFor("RESUME\n")

            let second = try swiftlet("run", "--name", "web", status: 1).errors
            try #require(second.contains("a machine called 'web' runs already, as process \(pid)"), "\(second)")
            try swiftlet("reset", "web")
            try events.waitFor("RESET guest=false reason=host-qmp-system-reset\n")
            try process.waitFor("swiftlet guest ready: ", within: Guest.bootTime)
            try swiftlet("kill", "web")
            try #require(try process.waitUntilEnded() == .exited(0))
            try events.waitFor("SHUTDOWN guest=false reason=host-qmp-quit\n")
            try #require(try events.waitUntilEnded() == .exited(0))
            try #require(try swiftlet("info", "web", status: 1).errors.contains("no machine called 'web' runs"))
            try #require(access(swiftlet.directory.file("swiftlet/web"), F_OK) != 0, "the directory is left")
        }
    }

    /// After a GiB was plugged, in two devices.
    private func requireMetrics(_ text: String) throws {
        let samples = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        func value(_ name: String, _ labels: String = "") throws -> Double {
            let beginning = "swiftlet_\(name){machine=\"web\"\(labels)} "
            let sample = try #require(samples.first { $0.hasPrefix(beginning) }, "\(beginning) is not in \(text)")
            return try #require(Double(sample.dropFirst(beginning.count)))
        }
        try #require(try value("memory_device_plugged_bytes_total", ",device=\"vm0\"") == 512 * 1024 * 1024)
        let requests = try value(
            "memory_device_requests_total", ",device=\"vm0\",type=\"plug\",response=\"ack\"")
        try #require(requests > 0)
        try #require(try value("memory_device_request_seconds_count", ",device=\"vm0\"") >= requests)
        try #require(try value("memory_device_request_seconds_sum", ",device=\"vm0\"") > 0)
        try #require(try value("memory_device_resize_seconds_count", ",device=\"vm1\"") == 1)
        try #require(try value("memory_device_violations_total", ",device=\"vm1\"") == 0)
        try #require(try value("vcpu_exits_total", ",vcpu=\"0\",reason=\"mmio\"") > 0)
        try #require(try value("resets_total") == 0)
    }

    @Test func aNameOutlivesNoMachine() throws {
        let swiftlet = CommandLine(directory: try TemporaryDirectory())
        for round in 0..<2 {
            let process = try swiftlet.start("web", Self.devices)
            try reportingOutput(of: process) {
                let deadline = Deadline(.seconds(60))
                let line = try deadline.poll(every: 100) {
                    let list = try swiftlet("list").output
                    return list.contains("\nweb ") ? list : nil
                }
                try #require(line != nil, "round \(round)")
                kill(process.child.pid, SIGKILL)
                try #require(try process.waitUntilEnded() == .killed(signal: SIGKILL))
                if round == 0 {
                    try #require(try swiftlet("list").output.hasPrefix("no machine"), "a dead one is shown")
                }
            }
        }
        // The last one left its files behind; stop says what is, and the name is free.
        try #require(access(swiftlet.directory.file("swiftlet/web/pid"), F_OK) == 0)
        try #require(try swiftlet("stop", "web", status: 1).errors.contains("no machine called 'web' runs"))
        let process = try swiftlet.start("web", Self.devices)
        try reportingOutput(of: process) {
            try process.waitFor("swiftlet guest ready: ", within: Guest.bootTime)
            try process.send("poweroff\n")
            try #require(try process.waitUntilEnded() == .exited(0))
        }
        try #require(try swiftlet("list", "--json").output == "[]\n")
    }
}
