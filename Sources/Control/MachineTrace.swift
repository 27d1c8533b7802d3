/// A machine over the last minute.
public struct MachineTrace: Sendable, Equatable {
    public let name: String
    /// Empty before its first answer.
    public private(set) var status = ""
    /// All devices together.
    public private(set) var memory = MemoryTrace()
    public private(set) var devices: [DeviceTrace] = []

    public init(name: String) {
        self.name = name
    }

    /// Takes what came of a look.
    ///
    /// - Parameter resident: bytes of the host's memory that its process has.
    public mutating func note(_ look: MachineLook, resident: UInt64) {
        guard case .answered(let status, let reports) = look else {
            self.status = look == .silent ? "no answer" : self.status
            memory.append(requested: nil, plugged: nil, resident: resident)
            for index in devices.indices {
                devices[index].memory.append(requested: nil, plugged: nil, resident: nil)
            }
            return
        }
        self.status = status
        memory.append(
            requested: reports.reduce(0) { $0 + $1.requestedSize }, plugged: reports.reduce(0) { $0 + $1.size },
            resident: resident)
        devices = reports.map { report in
            var device = devices.first { $0.id == report.id } ?? DeviceTrace(id: report.id, node: report.node)
            device.memory.append(requested: report.requestedSize, plugged: report.size, resident: nil)
            return device
        }
    }
}
