import ArgumentParser
import Configuration
import Control
import Glibc
import Host
import JSON

/// `swiftlet resize`: asks a machine's guest to have more memory plugged, or less.
struct ResizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resize",
        abstract: "Change how much memory a machine has.",
        discussion: """
            EXAMPLES:
              swiftlet resize web vm0 4G
              swiftlet resize web vm0 1G --wait --timeout 30s
              swiftlet resize web --total 6G --wait
                  Boot memory counts; the rest is spread over the devices, least
                  full node first.

            EXIT STATUS: 0 where the size is asked for and, with --wait, reached; else 1, with how far it got and why.
            """)

    @Argument(help: "The machine.")
    var name: String

    @Argument(help: "The memory device; not with --total.")
    var device: String?

    @Argument(help: "Its new requested size, such as 4G; not with --total.")
    var size: String?

    @Option(parsing: .unconditional, help: ArgumentHelp("Boot memory and all devices together.", valueName: "size"))
    var total: String?

    @Flag(help: "Wait until the guest has it.")
    var wait = false

    @Option(parsing: .unconditional, help: ArgumentHelp("How long to wait.", valueName: "duration"))
    var timeout = "60s"

    func validate() throws {
        guard (total == nil) == (device != nil && size != nil), total == nil || device == nil else {
            throw ValidationError("give a device and its size, or --total SIZE")
        }
    }

    func run() throws {
        let patience = try Milliseconds(option: "--timeout", timeout)
        let machine = try RunningMachine(name)
        let goals = try self.goals(machine)
        let progress = wait ? try ResizeProgress(machine, goals: goals) : nil
        for (id, size) in goals {
            try machine.execute(
                "qom-set",
                [
                    .init("path", .string(id)), .init("property", "requested-size"), .init("value", .number(size)),
                ])
        }
        try progress?.follow(patience)
    }

    /// What is to be asked of which device.
    private func goals(_ machine: RunningMachine) throws -> [(id: String, size: UInt64)] {
        let devices = try machine.devices()
        guard let total else {
            let id = device ?? ""
            guard devices.contains(where: { $0.id == id }) else {
                throw Refusal(
                    "\(name): there is no device '\(id)'; "
                        + (devices.isEmpty ? "it has none" : "there are: \(devices.map(\.id).joined(separator: ", "))"))
            }
            return [(id, try bytes("SIZE", size ?? ""))]
        }
        let wanted = try bytes("--total", total)
        let boot = try machine.execute("query-memory-size-summary")["base-memory"]?.unsigned ?? 0
        guard wanted >= boot else {
            throw Refusal("--total \(total): \(name) has \(ByteSize(boot)) of boot memory, which stay")
        }
        do {
            let spread = try MemorySpread(devices, total: wanted - boot)
            return zip(devices, spread.sizes).filter { $0.0.requestedSize != $0.1 || wait }.map { ($0.0.id, $0.1) }
        } catch {
            throw Refusal("--total \(total): beside \(ByteSize(boot)) of boot memory, \(error)")
        }
    }

    private func bytes(_ option: String, _ text: String) throws -> UInt64 {
        do {
            return try ByteSize(parsing: text).bytes
        } catch {
            throw ConfigurationError(option, "\(error)")
        }
    }
}
