import ArgumentParser
import Control
import Host
import JSON
import RunDirectory

/// `swiftlet config`: a machine as a file.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Print a machine's configuration, as 'swiftlet run --config' reads it.",
        discussion: """
            EXAMPLES:
              swiftlet config web > web.yaml
              swiftlet config web --json

            The requested sizes of memory devices are those of now; the rest is what the machine was started with.
            """)

    @Argument(help: "The machine.")
    var name: String

    @Flag(help: "Print JSON instead of YAML.")
    var json = false

    func run() throws {
        let machine = try RunningMachine(name)
        let path = RunDirectory(name: name).configurationFile
        guard let text = KernelText.read(path) else {
            throw Refusal("\(name): \(path) can't be read")
        }
        var file = try MachineFile(parsing: Array(text.utf8))
        for device in try machine.devices() {
            file.setRequestedSize(device.requestedSize, of: device.id)
        }
        print(json ? String(decoding: file.json.text, as: UTF8.self) + "\n" : file.yaml, terminator: "")
    }
}
