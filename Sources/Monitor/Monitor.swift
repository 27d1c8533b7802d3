import Configuration
import Machine

/// The monitor: commands in, text out, in the words and the format of QEMU's human monitor.
public struct Monitor {
    /// What a line leads to.
    public enum Response: Equatable, Sendable {
        /// Text to show, ending in a line feed, or empty.
        case text(String)
        /// The machine shall end.
        case quit
    }

    private let machine: any MachineControl
    private let configuration: MachineConfiguration

    /// What a new connection is greeted with.
    public static var greeting: String { "Swiftlet monitor - type 'help' for more information\n" }
    /// What asks for a command.
    public static var prompt: String { "(swiftlet) " }

    public init(machine: any MachineControl, configuration: MachineConfiguration) {
        self.machine = machine
        self.configuration = configuration
    }

    /// Does what a line says. Mistakes are answered in words.
    public func execute(_ line: String) -> Response {
        do throws(MonitorCommand.SyntaxError) {
            guard let command = try MonitorCommand.parse(line) else { return .text("") }
            return execute(command)
        } catch {
            return .text(error.text + "\n")
        }
    }

    private func execute(_ command: MonitorCommand) -> Response {
        do throws(MachineError) {
            switch command {
            case .info(let subject): return .text(try describe(subject))
            case .explain: return .text(try machine.memoryDeviceDetails().map(\.text).joined())
            case .get(let device, let property): return .text(try get(property, of: device))
            case .set(let device, let property, let value): return .text(try set(property, of: device, to: value))
            case .balloon(let size): try machine.setBalloon(remaining: size)
            case .stop: try machine.pause()
            case .resume: try machine.resume()
            case .reset: try machine.reset()
            case .powerDown: try machine.pressPowerButton()
            case .quit: return .quit
            case .help: return .text(Self.help)
            }
            return .text("")
        } catch {
            return .text("Error: \(error)\n")
        }
    }

    private static var help: String {
        let width = MonitorCommand.summaries.map(\.syntax.count).max() ?? 0
        return MonitorCommand.summaries.map { syntax, help in
            syntax + String(repeating: " ", count: width - syntax.count) + "  " + help + "\n"
        }.joined()
    }
}

// MARK: info

extension Monitor {
    private func describe(_ subject: MonitorCommand.Subject) throws(MachineError) -> String {
        switch subject {
        case .name: return configuration.name + "\n"
        case .status: return "VM status: \(try machine.state().text)\n"
        case .balloon:
            guard let balloon = try machine.balloon() else { throw .noBalloon }
            return "balloon: actual=\(balloon.remaining >> 20)\n"
        case .memoryDevices: return try machine.memoryDevices().map(\.text).joined()
        case .memorySlots: return try machine.memorySlots().map(\.text).joined()
        case .numa: return try describeNodes()
        }
    }

    /// As QEMU: a node's size includes what is plugged in it.
    private func describeNodes() throws(MachineError) -> String {
        let devices = try machine.memoryDevices()
        var text = "\(configuration.nodes.count) nodes\n"
        for node in configuration.nodes.sorted(by: { $0.id < $1.id }) {
            let plugged = devices.filter { $0.node == node.id }.reduce(0) { $0 + $1.pluggedSize }
            let processors = node.processors.sorted().map { " \($0)" }.joined()
            text += "node \(node.id) cpus:\(processors)\n"
            text += "node \(node.id) size: \((node.memory + plugged) >> 20) MB\n"
            text += "node \(node.id) plugged: \(plugged >> 20) MB\n"
        }
        return text
    }
}

extension MachineState {
    fileprivate var text: String {
        switch self {
        case .running: "running"
        case .paused: "paused"
        case .guestFailed: "paused (internal-error)"
        case .violation: "paused (guest access to unplugged memory)"
        case .memoryUnavailable: "paused (no memory on the host)"
        }
    }
}

extension MemoryDeviceStatus {
    var text: String {
        """
        Memory device [virtio-mem]: "\(id)"
          memaddr: 0x\(String(address, radix: 16))
          node: \(node)
          requested-size: \(requestedSize)
          size: \(pluggedSize)
          max-size: \(regionSize)
          block-size: \(blockSize)
          memdev: /objects/\(id)-mem

        """
    }
}

extension MemorySlotStatus {
    fileprivate var text: String {
        let start = String(addresses.lowerBound, radix: 16)
        let last = String(addresses.upperBound - 1, radix: 16)
        return "0x\(start)-0x\(last) \(addresses.upperBound - addresses.lowerBound) \(name)\n"
    }
}

// MARK: qom-get, qom-set

extension Monitor {
    private static var properties: String {
        "requested-size, size, max-size, block-size, node, memaddr, memdev"
    }

    private func get(_ property: String, of id: String) throws(MachineError) -> String {
        guard let device = try machine.memoryDevices().first(where: { $0.id == id }) else {
            throw .noSuchDevice(id)
        }
        switch property {
        case "requested-size": return "\(device.requestedSize)\n"
        case "size": return "\(device.pluggedSize)\n"
        case "max-size": return "\(device.regionSize)\n"
        case "block-size": return "\(device.blockSize)\n"
        case "node": return "\(device.node)\n"
        case "memaddr": return "\(device.address)\n"
        case "memdev": return "\"/objects/\(id)-mem\"\n"
        default: return "Error: \(id) has no property '\(property)', but: \(Self.properties)\n"
        }
    }

    private func set(_ property: String, of id: String, to value: String) throws(MachineError) -> String {
        guard property == "requested-size" else {
            return "Error: property '\(property)' of \(id) can't be set; requested-size can\n"
        }
        let size: ByteSize
        do throws(ByteSize.ParseError) {
            size = try ByteSize(parsing: value)
        } catch {
            return "Error: \(id): requested-size: \(error)\n"
        }
        try machine.setRequestedSize(size.bytes, of: id)
        return ""
    }
}
