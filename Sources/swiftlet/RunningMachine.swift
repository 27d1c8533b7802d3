import Control
import Glibc
import Host
import JSON
import QMPProtocol
import RunDirectory

/// A machine that runs, found by its name, with a connection to it.
struct RunningMachine {
    let name: String
    /// The number of its process.
    let process: Int32
    let client: QMPClient

    /// - Throws: `Refusal` where no such machine runs, or it does not answer.
    init(_ name: String) throws {
        let directory = RunDirectory(name: name)
        guard let process = directory.process else { throw Self.absence(name) }
        try self.init(directory, process: process)
    }

    /// The directory of a machine that runs.
    ///
    /// - Throws: `Refusal` where none does that has this name.
    static func directory(_ name: String) throws -> RunDirectory {
        let directory = RunDirectory(name: name)
        guard directory.process != nil else { throw absence(name) }
        return directory
    }

    private static func absence(_ name: String) -> Refusal {
        let others = RunDirectory.all().map(\.name)
        return Refusal(
            "no machine called '\(name)' runs; "
                + (others.isEmpty ? "none does that has a name" : "there are: \(others.joined(separator: ", "))"))
    }

    /// - Throws: `Refusal` where it does not answer.
    init(_ directory: RunDirectory, process: Int32) throws {
        self.name = directory.name
        self.process = process
        do {
            client = try QMPClient(at: directory.qmpSocket)
        } catch {
            throw Refusal("\(directory.name): \(error)")
        }
    }

    @discardableResult
    func execute(_ command: String, _ arguments: [JSONValue.Member] = []) throws -> JSONValue {
        do {
            return try client.execute(command, arguments)
        } catch {
            throw Refusal("\(name): \(error)")
        }
    }

    /// Its memory devices.
    func devices() throws -> [DeviceReport] {
        guard let devices = DeviceReport.all(in: try execute("query-memory-devices")) else {
            throw Refusal("\(name): what it says of its memory devices can't be read")
        }
        return devices
    }

    /// Whether its process is gone, or another one has its name.
    var hasEnded: Bool { RunDirectory(name: name).process != process }

    /// Waits for its end.
    ///
    /// - Parameter milliseconds: how long.
    /// - Returns: false where it has not ended in that time.
    func isGone(within milliseconds: UInt64) -> Bool {
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: milliseconds)
        while !hasEnded {
            guard MonotonicInstant.now() < deadline else { return false }
            usleep(20_000)
        }
        return true
    }

    /// What the monitor answers to a line.
    func monitor(_ line: String) throws -> String {
        try execute("human-monitor-command", [.init("command-line", .string(line))]).string ?? ""
    }
}
