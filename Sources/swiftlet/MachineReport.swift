import Configuration
import Control
import Host
import JSON
import RunDirectory
import SystemPackage

/// A machine at a moment, for `list` and `info`.
struct MachineReport {
    let name: String
    let process: Int32
    /// As `query-status` says it; `unresponsive` where it does not answer.
    let status: String
    let processors: Int
    let bootMemory: UInt64
    let devices: [DeviceReport]
    /// Bytes of the host's memory that the process has.
    let resident: UInt64

    init(_ machine: RunningMachine) throws {
        name = machine.name
        process = machine.process
        status = try machine.execute("query-status")["status"]?.string ?? "unknown"
        if case .array(let list) = try machine.execute("query-cpus-fast") {
            processors = list.count
        } else {
            processors = 0
        }
        bootMemory = try machine.execute("query-memory-size-summary")["base-memory"]?.unsigned ?? 0
        devices = try machine.devices()
        resident = ResidentMemory.size(of: machine.process)
    }

    private init(unresponsive name: String, process: Int32) {
        (self.name, self.process, status, processors, bootMemory, devices) = (name, process, "unresponsive", 0, 0, [])
        resident = ResidentMemory.size(of: process)
    }

    /// All machines that have a name and live, by name.
    static func all() -> [MachineReport] {
        RunDirectory.all().compactMap { directory in
            guard let process = directory.process else { return nil }
            if let machine = try? RunningMachine(directory, process: process), let report = try? MachineReport(machine)
            {
                return report
            }
            // It may have ended meanwhile.
            return directory.process == nil ? nil : MachineReport(unresponsive: directory.name, process: process)
        }
    }

    var plugged: UInt64 { devices.reduce(0) { $0 + $1.size } }
    var requested: UInt64 { devices.reduce(0) { $0 + $1.requestedSize } }

    /// With `--json`: sizes in bytes.
    var json: JSONValue {
        [
            "name": .string(name), "pid": .number(process), "status": .string(status), "cpus": .number(processors),
            "boot-memory": .number(bootMemory), "plugged": .number(plugged), "requested": .number(requested),
            "resident": .number(resident),
            "memory-devices": .array(
                devices.map { device in
                    [
                        "id": .string(device.id), "node": .number(device.node),
                        "requested-size": .number(device.requestedSize), "size": .number(device.size),
                        "max-size": .number(device.maximumSize), "block-size": .number(device.blockSize),
                    ]
                }),
        ]
    }
}

/// A size for people to read: whole mebibytes, or what is exact.
func sizeText(_ bytes: UInt64) -> String {
    bytes >= 1 << 20 ? "\(ByteSize(bytes & ~0xF_FFFF))" : "\(ByteSize(bytes))"
}

/// Prints lines of columns that are as wide as they need be.
func printTable(_ rows: [[String]]) {
    let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    for row in rows {
        let cells = zip(row, widths).map { cell, width in cell + String(repeating: " ", count: width - cell.count) }
        print(cells.joined(separator: "  ").trimmingEnd())
    }
}

extension String {
    fileprivate func trimmingEnd() -> Substring {
        self[..<(lastIndex { $0 != " " }.map { index(after: $0) } ?? startIndex)]
    }
}
