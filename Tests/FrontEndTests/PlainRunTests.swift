import ArgumentParser
import Foundation
import Testing

@testable import swiftlet

/// What `run` reads by itself is what the parser makes of it.
struct PlainRunTests {
    private struct Known {
        let name: String
        let takesValue: Bool
    }

    /// The options as the parser knows them.
    private static func known() throws -> [Known] {
        let help = try JSONSerialization.jsonObject(with: Data(RunCommand._dumpHelp().utf8)) as? [String: Any]
        let command = try #require(help?["command"] as? [String: Any])
        let arguments = try #require(command["arguments"] as? [[String: Any]])
        return try arguments.compactMap { argument in
            let names = try #require(argument["names"] as? [[String: Any]])
            let name = try #require(names.last?["name"] as? String)
            return name == "help" ? nil : Known(name: name, takesValue: argument["kind"] as? String == "option")
        }
    }

    private func expectSame(_ arguments: [String]) throws {
        #expect(RunOptions(plain: arguments) == (try RunCommand.parse(arguments).options), "\(arguments)")
    }

    @Test func nothingIsTheDefaults() throws {
        try expectSame([])
    }

    @Test func everyOptionMeansTheSame() throws {
        let known = try Self.known()
        #expect(known.count >= 29)
        for option in known {
            try expectSame(["--\(option.name)"] + (option.takesValue ? ["some=value,of:it"] : []))
        }
        // All at once, and twice.
        let all = known.flatMap { ["--\($0.name)"] + ($0.takesValue ? ["1"] : []) }
        try expectSame(all)
        let values = known.filter(\.takesValue).flatMap { ["--\($0.name)", "one", "--\($0.name)", ""] }
        try expectSame(values)
    }

    @Test(arguments: [
        ["--kernel"], ["--kernel=vmlinuz"], ["--memory", "-1"], ["--cmdline", "--single"], ["vmlinuz"], ["--help"],
        ["-h"], ["--cpu", "1"], ["--"], ["--", "--kernel", "vmlinuz"], ["--cpus", "--detach"], ["--detach", "on"],
        ["--no-detach"], [""],
    ]) func whatIsNotPlainIsLeftToTheParser(_ arguments: [String]) {
        #expect(RunOptions(plain: arguments) == nil)
    }
}
