import ArgumentParser
import Glibc
import JSON
import QMPProtocol

/// `swiftlet events`: what happens to a machine, as it happens.
struct EventsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Show what happens to a machine, until it ends.",
        discussion: """
            EXAMPLES:
              swiftlet events web
              swiftlet events web --json

            With --json: QMP's events, one a line.
            """)

    @Argument(help: "The machine.")
    var name: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let machine = try RunningMachine(name)
        while true {
            let event: QMPEvent?
            do {
                event = try machine.client.nextEvent(until: nil)
            } catch .gone {
                guard machine.isGone(within: Self.patience) else {
                    throw Refusal("\(name): the machine hung up: what it had to tell was not read for too long")
                }
                return
            } catch {
                throw Refusal("\(name): \(error)")
            }
            guard let event else { continue }
            show((json ? String(decoding: event.json.text, as: UTF8.self) : line(event)) + "\n")
        }
    }

    /// Milliseconds that a process may take to end behind its last event.
    private static let patience: UInt64 = 10_000

    private func line(_ event: QMPEvent) -> String {
        var seconds = time_t(event.time / 1_000_000)
        var parts = unsafe tm()
        unsafe localtime_r(&seconds, &parts)
        func padded(_ number: some BinaryInteger, _ width: Int) -> String {
            String(repeating: "0", count: max(0, width - "\(number)".count)) + "\(number)"
        }
        let clock = unsafe [parts.tm_hour, parts.tm_min, parts.tm_sec].map { padded($0, 2) }.joined(separator: ":")
        var text = "\(clock).\(padded(event.time / 1_000 % 1_000, 3)) \(event.name)"
        if case .object(let members)? = event.data {
            for member in members where member.name != "qom-path" {
                text += " \(member.name)=\(plain(member.value))"
            }
        }
        return text
    }

    private func plain(_ value: JSONValue) -> String {
        if case .string(let text) = value { text } else { String(decoding: value.text, as: UTF8.self) }
    }
}
