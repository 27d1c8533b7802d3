/// Where the server's one VM is, with what it has there.
enum VMState<Machine> {
    case absent
    case created(VMConfig)
    case running(VMConfig, Machine)
    case paused(VMConfig, Machine)
    /// It was booted, and has ended: by a request, or by itself.
    case shutDown(VMConfig)

    var name: VMStateName {
        switch self {
        case .absent: .absent
        case .created: .created
        case .running: .running
        case .paused: .paused
        case .shutDown: .shutDown
        }
    }

    /// nil where there is no VM.
    var config: VMConfig? {
        switch self {
        case .absent: nil
        case .created(let config), .shutDown(let config): config
        case .running(let config, _), .paused(let config, _): config
        }
    }

    /// nil unless it is booted.
    var machine: Machine? {
        switch self {
        case .absent, .created, .shutDown: nil
        case .running(_, let machine), .paused(_, let machine): machine
        }
    }

    /// The same state with another configuration.
    func with(_ config: VMConfig) -> VMState {
        switch self {
        case .absent: .absent
        case .created: .created(config)
        case .running(_, let machine): .running(config, machine)
        case .paused(_, let machine): .paused(config, machine)
        case .shutDown: .shutDown(config)
        }
    }
}
