import Configuration
import Host
import JSON
import Machine
import Monitor
import QMPProtocol

/// Does what QMP's commands say, to a machine.
public struct QMPExecutor {
    /// What a command leads to.
    enum Outcome: Equatable {
        case value(JSONValue)
        /// The machine shall end; the client gets its answer before.
        case quit
    }

    private let machine: any MachineControl
    private let configuration: MachineConfiguration
    /// The serial port, and the virtio console where there is one, with what they lead to in QEMU's words.
    private let characterDevices: [JSONValue]
    private let monitor: Monitor

    /// - Parameters:
    ///   - serial: where the machine's serial port leads.
    ///   - console: where its virtio console leads, if it has one.
    public init(
        machine: any MachineControl, configuration: MachineConfiguration, serial: LaunchRequest.Channel,
        console: LaunchRequest.Channel = .null
    ) {
        self.machine = machine
        self.configuration = configuration
        let ends = [("serial0", serial)] + (configuration.hasConsole ? [("console0", console)] : [])
        characterDevices = ends.map { label, channel in
            ["label": .string(label), "filename": .string(channel.fileName), "frontend-open": true]
        }
        monitor = Monitor(machine: machine, configuration: configuration)
    }

    func execute(_ command: QMPCommand) throws(QMPError) -> Outcome {
        do throws(MachineError) {
            switch command {
            case .quit: return .quit
            case .monitor(let line): return execute(line: line)
            case .balloon(let size): try machine.setBalloon(remaining: size)
            case .stop: try machine.pause()
            case .resume: try machine.resume()
            case .reset: try machine.reset()
            case .powerDown: try machine.pressPowerButton()
            case .capabilities, .listProperties, .getProperty, .setProperty: break
            default: return .value(try query(command))
            }
        } catch MachineError.noBalloon {
            throw QMPError(.deviceNotActive, "No balloon device has been activated")
        } catch {
            throw QMPError("\(error)")
        }
        return .value(try access(command))
    }

    /// What the monitor answers to a line.
    private func execute(line: String) -> Outcome {
        switch monitor.execute(line) {
        case .text(let text): .value(.string(text))
        case .quit: .quit
        }
    }

    private func query(_ command: QMPCommand) throws(MachineError) -> JSONValue {
        switch command {
        case .queryCommands: .array(QMPCommand.names.map { ["name": .string($0)] })
        case .querySchema: QMPSchema.introspection
        case .queryVersion: QMPVersion.current.json
        case .queryName: ["name": .string(configuration.name)]
        case .queryUUID: ["UUID": "00000000-0000-0000-0000-000000000000"]
        case .queryStatus: try machine.state().json
        case .queryKVM: ["enabled": true, "present": true]
        case .queryProcessors: .array(try processors)
        case .queryMemoryDevices:
            .array(try machine.memoryDevices().map { ["type": "virtio-mem", "data": $0.json] })
        case .queryMemorySizes:
            [
                "base-memory": .number(configuration.memory),
                "plugged-memory": .number(try machine.memoryDevices().reduce(0) { $0 + $1.pluggedSize }),
            ]
        case .queryCharacterDevices: .array(characterDevices)
        case .queryBalloon: ["actual": .number(try balloon.remaining)]
        case .queryMetrics:
            .string(
                try machine.metrics().text(machine: configuration.name, residentMemory: ResidentMemory.ownSize()))
        default: [:]
        }
    }

    private var balloon: BalloonStatus {
        get throws(MachineError) {
            guard let balloon = try machine.balloon() else { throw .noBalloon }
            return balloon
        }
    }

    private var processors: [JSONValue] {
        get throws(MachineError) {
            let topology = configuration.processors
            return try machine.processorThreads().enumerated().map { index, thread in
                let node = configuration.nodes.first { $0.processors.contains(index) }?.id ?? 0
                let core = index / topology.threads
                return [
                    "cpu-index": .number(index), "qom-path": .string("/machine/unattached/device[\(index)]"),
                    "thread-id": .number(thread),
                    "props": [
                        "node-id": .number(node), "socket-id": .number(core / topology.cores),
                        "core-id": .number(core % topology.cores),
                        "thread-id": .number(index % topology.threads),
                    ],
                    "target": "x86_64",
                ]
            }
        }
    }

    /// What is about the tree of objects; an empty answer for the rest.
    private func access(_ command: QMPCommand) throws(QMPError) -> JSONValue {
        let objects = QMPObjects(machine: machine)
        switch command {
        case .listProperties(let path): return .array(try objects.list(path))
        case .getProperty(let path, let property): return try objects.get(property, at: path)
        case .setProperty(let path, let property, let value): try objects.set(property, at: path, to: value)
        default: break
        }
        return [:]
    }
}

extension LaunchRequest.Channel {
    /// As ChardevInfo's `filename`.
    fileprivate var fileName: String {
        switch self {
        case .stdio: "stdio"
        case .null: "null"
        case .descriptor(_, let name) where name.hasPrefix("/dev/pts/"): "pty:\(name)"
        case .descriptor(_, let name): "file:\(name)"
        case .listener(let listener): "unix:\(listener.path),server=on"
        }
    }
}

extension MachineState {
    /// As StatusInfo.
    var json: JSONValue {
        let status: JSONValue =
            switch self {
            case .running: "running"
            case .paused: "paused"
            case .guestFailed: "internal-error"
            case .violation: "guest-panicked"
            case .memoryUnavailable: "io-error"
            }
        return ["running": .boolean(self == .running), "singlestep": false, "status": status]
    }
}

extension MemoryDeviceStatus {
    /// As VirtioMEMDeviceInfo.
    var json: JSONValue {
        [
            "id": .string(id), "memaddr": .number(address), "requested-size": .number(requestedSize),
            "size": .number(pluggedSize), "max-size": .number(regionSize), "block-size": .number(blockSize),
            "node": .number(node), "memdev": .string("/objects/\(id)-mem"),
        ]
    }
}
