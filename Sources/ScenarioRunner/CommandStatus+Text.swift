import AgentProtocol

extension CommandStatus {
    /// In words.
    var text: String {
        switch self {
        case .exited(let status): "status \(status)"
        case .killed(let signal): "signal \(signal)"
        }
    }
}
