/// The states of a VM.
enum VMStateName: CaseIterable, Sendable {
    case absent
    case created
    case running
    case paused
    case shutDown

    /// As `VmState` of `cloud-hypervisor.yaml` has it.
    var apiName: String {
        switch self {
        // It is told of no VM that is not there.
        case .absent, .created: "Created"
        case .running: "Running"
        case .paused: "Paused"
        case .shutDown: "Shutdown"
        }
    }

    /// In a sentence.
    var text: String {
        switch self {
        case .absent: "not created"
        case .created: "created"
        case .running: "running"
        case .paused: "paused"
        case .shutDown: "shut down"
        }
    }
}

extension Set<VMStateName> {
    static let any = Set(VMStateName.allCases)
    /// There is a VM.
    static let present: Set = [.created, .running, .paused, .shutDown]
    /// There is a process with a guest.
    static let booted: Set = [.running, .paused]
}
