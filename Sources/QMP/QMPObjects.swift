import JSON
import Machine
import Monitor
import QMPProtocol

/// The tree of objects that QEMU's tools find memory devices in (QOM): `/machine/peripheral/ID`, or `ID` alone.
struct QMPObjects {
    let machine: any MachineControl

    private static var peripheral: String { "/machine/peripheral/" }

    private enum Node {
        /// With what is in it.
        case container([(name: String, type: String)])
        case device(MemoryDeviceStatus)
        case backend(String)
    }

    /// The properties of what is at a path, as ObjectPropertyInfo.
    func list(_ path: String) throws(QMPError) -> [JSONValue] {
        let entries: [(name: String, type: String)] =
            switch try node(at: path) {
            case .container(let children): children.map { ($0.name, "child<\($0.type)>") }
            case .device(let device): [("type", "string")] + Self.properties(of: device).map { ($0.name, $0.type) }
            case .backend: [("type", "string")]
            }
        return entries.map { ["name": .string($0.name), "type": .string($0.type)] }
    }

    func get(_ property: String, at path: String) throws(QMPError) -> JSONValue {
        let properties: [(name: String, value: JSONValue)] =
            switch try node(at: path) {
            case .container: [("type", "container")]
            case .device(let device):
                [("type", "virtio-mem")] + Self.properties(of: device).map { ($0.name, $0.value) }
            case .backend: [("type", "memory-backend")]
            }
        guard let found = properties.first(where: { $0.name == property }) else {
            throw QMPError("Property '\(path).\(property)' not found")
        }
        return found.value
    }

    func set(_ property: String, at path: String, to value: JSONValue) throws(QMPError) {
        guard case .device(let device) = try node(at: path) else {
            throw QMPError("Property '\(path).\(property)' not found")
        }
        guard Self.properties(of: device).contains(where: { $0.name == property }) else {
            throw QMPError("Property '\(path).\(property)' not found")
        }
        guard property == "requested-size" else { throw QMPError("Property '\(path).\(property)' is not writable") }
        guard case .integer(let number) = value, let size = UInt64(exactly: number) else {
            throw QMPError("Invalid parameter type for 'requested-size', expected: integer")
        }
        do throws(MachineError) {
            try machine.setRequestedSize(size, of: device.id)
        } catch {
            throw QMPError("\(error)")
        }
    }

    private static func properties(
        of device: MemoryDeviceStatus
    ) -> [(name: String, type: String, value: JSONValue)] {
        [
            ("requested-size", "size", .number(device.requestedSize)), ("size", "size", .number(device.pluggedSize)),
            ("max-size", "size", .number(device.regionSize)), ("block-size", "size", .number(device.blockSize)),
            ("node", "uint32", .number(device.node)), ("memaddr", "uint64", .number(device.address)),
            ("memdev", "link<memory-backend>", .string("/objects/\(device.id)-mem")),
        ]
    }

    private func node(at path: String) throws(QMPError) -> Node {
        let devices: [MemoryDeviceStatus]
        do throws(MachineError) {
            devices = try machine.memoryDevices()
        } catch {
            throw QMPError("\(error)")
        }
        let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        switch trimmed {
        case "/": return .container([("machine", "swiftlet-machine"), ("objects", "container")])
        case "/machine": return .container([("peripheral", "container")])
        case "/machine/peripheral": return .container(devices.map { ($0.id, "virtio-mem") })
        case "/objects": return .container(devices.map { ("\($0.id)-mem", "memory-backend") })
        default: break
        }
        let id = trimmed.hasPrefix(Self.peripheral) ? String(trimmed.dropFirst(Self.peripheral.count)) : trimmed
        if let device = devices.first(where: { $0.id == id }) { return .device(device) }
        if let device = devices.first(where: { trimmed == "/objects/\($0.id)-mem" || trimmed == "\($0.id)-mem" }) {
            return .backend(device.id)
        }
        throw QMPError(.deviceNotFound, "Device '\(path)' not found")
    }
}
