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
        var entries = ["PATH=\(Self.usualPath)", "HOME=\(account.home)"]
        if request.terminal != nil {
            entries.append("TERM=xterm")
        }
        // The last of a name counts, in the place of the first: the path is in front.
        var places: [Substring: Int] = [:]
        var variables: [String] = []
        for entry in entries + request.environment {
            let name = entry.prefix { $0 != "=" }
            if let place = places[name] {
                variables[place] = entry
            } else {
                places[name] = variables.count
                variables.append(entry)
            }
        }
        self.variables = variables
        path = String(variables[0].dropFirst(5))
    }

    /// Where a program may be.
    func candidates(for program: String) -> [String] {
        guard !program.contains("/") else { return [program] }
        return path.split(separator: ":").map { "\($0)/\(program)" }
    }
}
