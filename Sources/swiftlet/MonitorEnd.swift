import Configuration

/// Where a machine's monitor listens, opened.
struct MonitorEnd {
    let channel: LaunchRequest.Monitor
    let socket: ListeningSocket?

    /// - Throws: `Refusal` for a path where no socket can be made.
    init(opening option: MonitorOption) throws {
        switch option {
        case .none: (channel, socket) = (.none, nil)
        case .stdio: (channel, socket) = (.stdio, nil)
        case .unix(let path):
            let socket = try ListeningSocket(at: path, option: "--monitor")
            (channel, self.socket) = (.listener(socket.listener), socket)
        }
    }
}
