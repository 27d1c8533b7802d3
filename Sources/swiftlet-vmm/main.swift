import Configuration
import Glibc
import Host
import MachineLog
import SystemPackage

// The process that holds a guest, as `swiftlet run` starts it: its arguments are a machine and the numbers of open
// descriptors (see LaunchRequest). `--probe` says what the host can do.

let arguments = Array(ProcessImage.arguments.dropFirst())
ignoreBrokenPipes()
Thread.shareAllocations()

if arguments == ["--probe"] {
    _ = try? FileDescriptor.standardOutput.writeAll(Probe().text.utf8)
    exit(0)
}

let request: LaunchRequest
do {
    request = try LaunchRequest(arguments: arguments)
} catch {
    [LogDestination.standardError].writeNow(LogEntry(.error, "\(error)"), machine: "")
    exit(64)
}

do {
    exit(try VMMProcess(request).run())
} catch {
    request.logs.writeNow(LogEntry(.error, "\(error)"), machine: request.machine.name)
    exit(1)
}
