import AgentProtocol
import GuestSystem

/// Who a command runs as, with which variables, and where it is found.
struct CommandEnvironment {
    let identity: CommandStart.Identity?
    let variables: [String]
    private let path: String

    private static let usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    init(_ request: ExecRequest) throws(UserDatabase.Problem) {
        let account = try UserDatabase.account(request.user)
        identity = account.identity
        var values: [(name: Substring, entry: String)] = [
            ("PATH", "PATH=\(Self.usualPath)"), ("HOME", "HOME=\(account.home)"),
        ]
        if request.terminal != nil {
            values.append(("TERM", "TERM=xterm"))
        }
        for entry in request.environment {
            let name = entry.prefix { $0 != "=" }
            values.removeAll { $0.name == name }
            values.append((name, entry))
        }
        variables = values.map(\.entry)
        path = values.last { $0.name == "PATH" }.map { String($0.entry.dropFirst(5)) } ?? Self.usualPath
    }

    /// Where a program may be.
    func candidates(for program: String) -> [String] {
        guard !program.contains("/") else { return [program] }
        return path.split(separator: ":").map { "\($0)/\(program)" }
    }
}
